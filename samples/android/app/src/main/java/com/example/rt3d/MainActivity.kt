package com.example.rt3d

import android.Manifest
import android.content.pm.PackageManager
import android.os.Bundle
import android.os.SystemClock
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts.RequestPermission
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicBoolean

/** Camera frames go into a ring; whenever the network is free, it answers the clip of the last frames. */
class MainActivity : ComponentActivity() {
    private val cameraThread = Executors.newSingleThreadExecutor()
    private val networkThread = Executors.newSingleThreadExecutor()
    private val busy = AtomicBoolean(false) // the network has the clip
    private var opened = false // what is lateinit is there
    private var started = false // the camera was asked for
    private lateinit var labels: TextView
    private lateinit var classifier: Classifier
    private lateinit var frames: ClipBuffer
    private lateinit var clip: ByteBuffer

    private val askForCamera = registerForActivityResult(RequestPermission()) { granted ->
        if (granted) startCamera() else labels.setText(R.string.needs_camera)
    }

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_main)
        labels = findViewById(R.id.labels)
        networkThread.execute(::open)
    }

    override fun onStart() {
        super.onStart()
        if (mayUseCamera()) startCamera() // it may have been allowed in the settings
    }

    private fun mayUseCamera() =
        ContextCompat.checkSelfPermission(this, Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED

    private fun open() {
        try {
            classifier = Classifier(unpack(this, "artifact"))
            frames = ClipBuffer(classifier.frames, classifier.height, classifier.width)
            clip = ByteBuffer.allocateDirect(classifier.clipBytes).order(ByteOrder.nativeOrder())
        } catch (error: Exception) {
            runOnUiThread { labels.text = error.message }
            return
        }
        runOnUiThread(::onOpened)
    }

    private fun onOpened() {
        if (isDestroyed) return
        opened = true
        if (mayUseCamera()) startCamera() else askForCamera.launch(Manifest.permission.CAMERA)
    }

    /** The network is opened, the camera allowed and the app shown, in any order: whoever is last starts it. */
    private fun startCamera() {
        if (!opened || started) return
        started = true
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener({
            try {
                if (!isDestroyed) bind(provider.get())
            } catch (error: Exception) {
                labels.text = getString(R.string.no_camera, error.message)
            }
        }, ContextCompat.getMainExecutor(this))
    }

    private fun bind(cameras: ProcessCameraProvider) {
        val preview = Preview.Builder().build()
        preview.setSurfaceProvider(findViewById<PreviewView>(R.id.preview).surfaceProvider)
        val analysis = ImageAnalysis.Builder()
            .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .build()
        analysis.setAnalyzer(cameraThread, ::onFrame)
        val back = CameraSelector.DEFAULT_BACK_CAMERA
        val camera = if (cameras.hasCamera(back)) back else CameraSelector.DEFAULT_FRONT_CAMERA
        cameras.bindToLifecycle(this, camera, preview, analysis)
    }

    private fun onFrame(image: ImageProxy) {
        val full = image.use { frames.push(it) }
        if (!full || !busy.compareAndSet(false, true)) return
        frames.read(clip)
        networkThread.execute(::classify)
    }

    private fun classify() {
        val text = try {
            val started = SystemClock.elapsedRealtime()
            val best = classifier.run(clip)
            val milliseconds = SystemClock.elapsedRealtime() - started
            best.joinToString("\n") { (label, score) -> "%8.3f  %s".format(score, label) } + "\n$milliseconds ms"
        } catch (error: IllegalStateException) {
            error.message
        }
        busy.set(false)
        runOnUiThread { labels.text = text }
    }

    override fun onDestroy() {
        super.onDestroy()
        // The camera has stopped. Behind its last frame, which may still ask for a clip, and behind that clip:
        cameraThread.execute {
            networkThread.execute {
                if (::frames.isInitialized) frames.close()
                if (::classifier.isInitialized) classifier.close()
            }
            networkThread.shutdown()
        }
        cameraThread.shutdown()
    }
}
