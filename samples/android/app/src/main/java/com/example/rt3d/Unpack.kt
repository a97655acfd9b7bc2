package com.example.rt3d

import android.content.Context
import java.io.File

/**
 * Copies a folder of assets out of the package, once after each install: IREE opens files, and assets are none.
 *
 * Throws IOException where it cannot be written, and IllegalStateException where the package does not have it.
 */
@Synchronized // two activities may be open for a moment
fun unpack(context: Context, name: String): File {
    val installed = context.packageManager.getPackageInfo(context.packageName, 0).lastUpdateTime
    val target = File(context.filesDir, "$name-$installed")
    if (target.exists()) return target
    context.filesDir.listFiles { file -> file.name.startsWith("$name-") }?.forEach { it.deleteRecursively() }
    val files = context.assets.list(name).orEmpty().filter { it != "golden" }
    check("module.vmfb" in files) { "the app has no module: copy an artifact to src/main/assets/$name and build again" }
    val unfinished = File(context.filesDir, "$name-unfinished").apply { mkdirs() }
    for (file in files) {
        context.assets.open("$name/$file").use { from ->
            File(unfinished, file).outputStream().use { to -> from.copyTo(to) }
        }
    }
    check(unfinished.renameTo(target)) { "$target cannot be made: free space on the phone" }
    return target
}
