package com.example.rt3d

import java.io.File
import java.nio.ByteBuffer

/**
 * An artifact folder of rt3d-mlir-compile, opened. For one thread at a time.
 *
 * Throws IllegalStateException, whose message says what to do, where the folder cannot be opened or a clip not be run.
 */
class Classifier(folder: File) : AutoCloseable {
    private var handle = nativeOpen(folder.path)
    private val shape = nativeShape(handle)
    val frames = shape[1]
    val height = shape[2]
    val width = shape[3]
    private val scores = FloatArray(shape[4])
    private val labels: List<String>

    init {
        try {
            check(shape[0] == 3) { "the module takes ${shape[0]} channels, a camera has 3: compile one for RGB" }
            labels = readLabels(File(folder, "labels.txt"), shape[4])
        } catch (error: IllegalStateException) {
            close()
            throw error
        }
    }

    /** Bytes of a clip. */
    val clipBytes = 4 * shape[0] * frames * height * width

    /** The [count] best labels with their scores, best first. [clip] is direct and holds [clipBytes] bytes. */
    fun run(clip: ByteBuffer, count: Int = 5): List<Pair<String, Float>> {
        check(handle != 0L) { "the classifier is closed" }
        nativeRun(handle, clip, scores)
        return scores.indices.sortedByDescending { scores[it] }.take(count).map { labels[it] to scores[it] }
    }

    override fun close() {
        nativeClose(handle)
        handle = 0
    }

    private fun readLabels(file: File, classes: Int): List<String> {
        if (!file.exists()) return List(classes) { "class $it" }
        val lines = file.readLines()
        check(lines.size == classes) {
            "labels.txt has ${lines.size} lines, the module $classes classes: write one label a line, in their order"
        }
        return lines
    }

    private external fun nativeOpen(folder: String): Long
    private external fun nativeClose(handle: Long)
    private external fun nativeShape(handle: Long): IntArray
    private external fun nativeRun(handle: Long, clip: ByteBuffer, scores: FloatArray)

    companion object {
        init {
            System.loadLibrary("rt3d_sample")
        }
    }
}
