// transcribe FOLDER CLIP [--live] [all|ane|gpu|cpu]: a clip by a converted model; --live: as if it was said now.
#if canImport(CoreML) && canImport(AVFoundation)
import AVFoundation
import Foundation
import PotstillCoreML

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data((message + "\n").utf8))
    exit(1)
}

/// An app with other sound converts it by AVAudioConverter.
func readSamples(_ path: String) throws -> [Float] {
    let file = try AVAudioFile(forReading: URL(fileURLWithPath: path))
    let format = file.processingFormat // float32, at the rate of the file
    guard format.sampleRate == 16000, format.channelCount == 1,
        let buffer = AVAudioPCMBuffer(pcmFormat: format, frameCapacity: AVAudioFrameCount(file.length))
    else { fail("\(path): expected 16 kHz, mono") }
    try file.read(into: buffer)
    return Array(UnsafeBufferPointer(start: buffer.floatChannelData![0], count: Int(buffer.frameLength)))
}

/// A tenth of a second at a time, at the pace of speech.
func spoken(_ samples: [Float]) -> AsyncStream<[Float]> {
    AsyncStream { continuation in
        Task {
            for at in stride(from: 0, to: samples.count, by: 1600) {
                continuation.yield(Array(samples[at..<min(at + 1600, samples.count)]))
                try? await Task.sleep(nanoseconds: 100_000_000)
            }
            continuation.finish()
        }
    }
}

let words = Array(CommandLine.arguments.dropFirst()).filter { $0 != "--live" }
let isLive = CommandLine.arguments.contains("--live")
guard (2...3).contains(words.count), let units = ComputeUnits(rawValue: words.count == 3 ? words[2] : "all") else {
    fail("usage: transcribe FOLDER CLIP [--live] [all|ane|gpu|cpu]")
}
do {
    let transcriber = try Transcriber(folder: URL(fileURLWithPath: words[0]), units: units)
    let samples = try readSamples(words[1])
    if isLive {
        for try await text in transcriber.live(spoken(samples)) {
            print(text.isComplete ? text.lines.joined(separator: "\n") : "… " + text.current)
        }
    } else {
        print(try await transcriber.transcribe(samples).text)
    }
} catch {
    fail("\(error)")
}
#else
print("transcribe needs Core ML, which is on Apple's systems only")
#endif
