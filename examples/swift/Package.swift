// swift-tools-version:5.7
// What `potstill convert` makes, in an app: a library, and a small program around it. See README.md.
import PackageDescription

let package = Package(
    name: "PotstillCoreML",
    platforms: [.macOS(.v13), .iOS(.v16)],
    products: [
        .library(name: "PotstillCoreML", targets: ["PotstillCoreML"]),
        .executable(name: "transcribe", targets: ["Transcribe"]),
    ],
    targets: [
        .target(name: "PotstillCoreML"),
        .executableTarget(name: "Transcribe", dependencies: ["PotstillCoreML"]),
        .testTarget(name: "PotstillCoreMLTests", dependencies: ["PotstillCoreML"], exclude: ["Fixtures"]),
    ]
)
