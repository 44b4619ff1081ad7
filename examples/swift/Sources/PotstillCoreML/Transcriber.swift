// Transcriber.swift - what an app calls: a folder that `potstill convert` made, and sound in, text out.
import Foundation

/// A converted model of the layout `split`. Calls are made one after the other; a task that is cancelled ends at the
/// next token with CancellationError.
public actor Transcriber {
    private let engine: Engine
    public nonisolated let longestSamples: Int

    init(engine: Engine) {
        self.engine = engine
        longestSamples = engine.index.lengths.last!.samples
    }

    /// `samples` at 16 kHz, mono, no more than `longestSamples`.
    public func transcribe(_ samples: [Float]) throws -> Transcript {
        try engine.transcribe(samples) { _ in try Task.checkCancellation() }
    }

    /// The text as it grows, token for token; the last one is whole.
    public nonisolated func partialTexts(_ samples: [Float]) -> AsyncThrowingStream<String, Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    try await self.transcribe(samples) { continuation.yield($0) }
                    continuation.finish()
                } catch { continuation.finish(throwing: error) }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func transcribe(_ samples: [Float], heard: (String) -> Void) throws {
        _ = try engine.transcribe(samples) {
            try Task.checkCancellation()
            heard($0)
        }
    }

    /// Text of sound that comes in as arrays of samples (16 kHz, mono) of any size: lines that are final, and the one at
    /// hand. With packages for several tokens a call (`convert --ahead 8`) a line that is heard again costs few calls.
    public nonisolated func live<Sound: AsyncSequence>(_ sound: Sound) -> AsyncThrowingStream<LiveText, Error>
    where Sound: Sendable, Sound.Element == [Float] {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    try await self.listen(sound) { continuation.yield($0) }
                    continuation.finish()
                } catch { continuation.finish(throwing: error) }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func listen<Sound: AsyncSequence>(_ sound: Sound, heard: (LiveText) -> Void) async throws
    where Sound.Element == [Float] {
        var lines = LiveLines(index: engine.index) { [engine] samples, drafts in
            try engine.transcribe(samples, drafts: drafts) { _ in try Task.checkCancellation() }
        }
        for try await samples in sound {
            try Task.checkCancellation()
            if try lines.add(samples) { heard(lines.text) }
        }
        try lines.finish()
        heard(lines.text)
    }
}

#if canImport(CoreML)
extension Transcriber {
    /// Opens FOLDER. Packages are compiled when a clip first needs them, and kept in the app's caches.
    public init(folder: URL, units: ComputeUnits = .all) throws {
        let index = try ModelIndex(folder: folder)
        let tokenizer = try Tokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json"))
        let packages = CompiledPackages(folder: folder, index: index)
        self.init(engine: Engine(index: index, tokenizer: tokenizer) {
            try CoreMLPart($0, in: packages, units: units)
        })
    }
}
#endif
