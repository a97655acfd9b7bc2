plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

fun path(name: String) = providers.gradleProperty(name).orNull
    ?: error("$name is not set: write it into gradle.properties, or pass -P$name=...; see README.md")

android {
    namespace = "com.example.rt3d"
    compileSdk = 35
    ndkVersion = "27.0.12077973"

    defaultConfig {
        applicationId = "com.example.rt3d"
        minSdk = 29 // the presets' triple is aarch64-none-linux-android29
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
        ndk { abiFilters += "arm64-v8a" }
        externalNativeBuild {
            cmake {
                arguments += listOf(
                    "-DIREE_SOURCE_DIR=${path("ireeSourceDir")}",
                    "-DIREE_HOST_BIN_DIR=${path("ireeHostBinDir")}",
                    "-DANDROID_SUPPORT_FLEXIBLE_PAGE_SIZES=ON", // phones with pages of 16 KB
                    "-DCMAKE_BUILD_TYPE=Release", // for a debug build of the app too
                )
                targets += "rt3d_sample"
            }
        }
    }
    externalNativeBuild {
        cmake {
            path = file("src/main/cpp/CMakeLists.txt")
            version = "3.31.6" // IREE needs 3.26
        }
    }
    // The module is copied out of the package once; packed, that takes longer and saves little.
    androidResources { noCompress += "vmfb" }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    kotlinOptions { jvmTarget = "17" }
}

dependencies {
    val camerax = "1.4.1"
    implementation("androidx.activity:activity-ktx:1.9.3")
    implementation("androidx.camera:camera-camera2:$camerax")
    implementation("androidx.camera:camera-lifecycle:$camerax")
    implementation("androidx.camera:camera-view:$camerax")
}
