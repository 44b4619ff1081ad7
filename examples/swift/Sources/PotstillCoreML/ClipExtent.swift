// ClipExtent.swift - how many frames a clip has, and the inputs that tell an encoder where it ends.

/// Frames of a clip after the first step of the front end, and of the encoder.
public struct ClipExtent: Equatable {
    public let frames1, frames: Int

    /// `samples` at 16 kHz, at least `shortest(family)`.
    public init(samples: Int, family: ModelIndex.Family) {
        switch family {
        case .moonshine: // convolutions of 127, 7 and 3, each with its stride
            frames1 = (samples - 127) / 64 + 1
            frames = ((frames1 - 7) / 3 + 1 - 3) / 2 + 1
        case .streaming: // frames of 5 ms, two halvings
            frames1 = (samples + 79) / 80
            frames = (frames1 + 3) / 4
        }
    }

    static func shortest(_ family: ModelIndex.Family) -> Int { family == .moonshine ? 895 : 80 }
}

/// What an encoder of `length` takes for a clip.
struct EncoderInputs {
    let samples: [Float]
    let frameWeights: [Float]? // of the streaming family none
    let keyMask: [Float]
    let frames: Int

    init(_ clip: [Float], length: ModelIndex.Length, index: ModelIndex) {
        let extent = ClipExtent(samples: clip.count, family: index.family)
        var heard = index.doNormalize ? normalized(clip) : clip
        if index.family == .streaming { // what is left of the last frame of 5 ms counts as silence
            heard.removeLast(heard.count % 80)
        }
        samples = heard + repeatElement(0, count: length.samples - heard.count)
        let weight = Float(length.frames1) / Float(extent.frames1)
        frameWeights = index.family == .streaming
            ? nil : row(length.frames1, first: extent.frames1, of: weight, rest: 0)
        keyMask = row(length.frames, first: extent.frames, of: 0, rest: index.masked)
        frames = extent.frames
    }
}

/// `first` times `value`, then `rest`, `count` in all.
func row(_ count: Int, first: Int, of value: Float, rest: Float) -> [Float] {
    (0..<count).map { $0 < first ? value : rest }
}

/// Zero mean and unit variance, as the feature extractor of transformers does it.
func normalized(_ clip: [Float]) -> [Float] {
    let count = Double(clip.count)
    let mean = clip.reduce(0.0) { $0 + Double($1) } / count
    let variance = clip.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
    let scale = 1 / (variance + 1e-7).squareRoot()
    return clip.map { Float((Double($0) - mean) * scale) }
}
