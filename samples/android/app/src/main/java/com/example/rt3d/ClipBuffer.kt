package com.example.rt3d

import androidx.camera.core.ImageProxy
import java.nio.ByteBuffer

/** The last [frames] camera frames as the network takes them; the arithmetic is in embed_c/clip.c. For one thread. */
class ClipBuffer(frames: Int, height: Int, width: Int) : AutoCloseable {
    private var handle = nativeCreate(frames, height, width)

    /** Adds a frame in RGBA_8888. True once a clip's worth of frames is there. */
    fun push(image: ImageProxy): Boolean {
        check(handle != 0L) { "the buffer is closed" }
        val plane = image.planes[0]
        val rotation = image.imageInfo.rotationDegrees
        return nativePush(handle, plane.buffer, image.height, image.width, plane.rowStride, rotation)
    }

    /** Writes the clip into a direct buffer of channels x frames x height x width floats. */
    fun read(clip: ByteBuffer) {
        check(handle != 0L) { "the buffer is closed" }
        nativeRead(handle, clip)
    }

    override fun close() {
        nativeFree(handle)
        handle = 0
    }

    private external fun nativeCreate(frames: Int, height: Int, width: Int): Long
    private external fun nativePush(
        handle: Long, rgba: ByteBuffer, height: Int, width: Int, rowBytes: Int, rotation: Int
    ): Boolean
    private external fun nativeRead(handle: Long, clip: ByteBuffer)
    private external fun nativeFree(handle: Long)

    companion object {
        init {
            System.loadLibrary("rt3d_sample")
        }
    }
}
