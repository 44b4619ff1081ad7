// LiveText.swift - text of sound that still comes in: when to listen again, and where to cut a line.

/// What has been heard so far. `lines` are final; `current` may still change.
public struct LiveText: Equatable, Sendable {
    public var lines: [String] = []
    public var current = ""
    public var isComplete = false
}

/// Sound of the line at hand. A line ends in a pause, or, once the longest length is full, where it is quietest.
struct LiveSound {
    private(set) var samples: [Float] = []
    private var listened = 0 // samples that the last pass had
    private var loudest: Float = 0 // window since the beginning
    let longest, shortest: Int

    private static let rate = 16000
    static let between = rate / 2 // new sound before the text is looked at again
    static let window = rate / 50 // loudness is told of 20 ms
    static let pause = 35 // windows: 0.7 s
    static let keep = 10 // windows of a pause that stay with a line, on either side

    init(longest: Int, shortest: Int) { (self.longest, self.shortest) = (longest, shortest) }

    mutating func add(_ more: [Float]) {
        samples += more
        loudest = max(loudest, loudness().suffix(more.count / LiveSound.window + 1).max() ?? 0)
    }

    var isWorthAPass: Bool { samples.count >= shortest && samples.count - listened >= LiveSound.between && !isSilent }
    mutating func passWasMade() { listened = samples.count }

    private func loudness() -> [Float] {
        stride(from: 0, to: samples.count - LiveSound.window + 1, by: LiveSound.window).map { at in
            samples[at..<(at + LiveSound.window)].reduce(0) { $0 + $1 * $1 } / Float(LiveSound.window)
        }
    }

    /// Windows 20 dB below the loud ones of the line, or 30 dB below the loudest ever, are a pause.
    private func quiet(_ levels: [Float]) -> [Bool] {
        let loud = levels.sorted()[levels.count * 9 / 10]
        return levels.map { $0 <= max(loud / 100, loudest / 1000, 1e-8) }
    }

    /// Samples of a line that is complete: none yet is nil.
    func lineEnd() -> Int? {
        let levels = loudness()
        guard levels.count > LiveSound.pause else { return nil }
        let quiet = self.quiet(levels)
        if quiet.suffix(LiveSound.pause).allSatisfy({ $0 }), !quiet.allSatisfy({ $0 }) {
            return (levels.count - LiveSound.pause + LiveSound.keep) * LiveSound.window
        }
        guard samples.count >= longest else { return nil }
        let limit = longest / LiveSound.window, from = limit * 4 / 5
        let quietest = (from..<min(limit, levels.count)).min { levels[$0] < levels[$1] } ?? limit - 1
        return (quietest + 1) * LiveSound.window
    }

    var isSilent: Bool {
        let levels = loudness()
        return levels.isEmpty || self.quiet(levels).allSatisfy { $0 }
    }

    /// Takes the line off.
    mutating func takeLine(_ count: Int) -> [Float] {
        let line = Array(samples.prefix(count))
        samples.removeFirst(line.count)
        listened = 0
        return line
    }

    /// Of silence before a line little stays.
    mutating func dropSilence() {
        let spare = samples.count - LiveSound.keep * LiveSound.window
        if spare > 0, isSilent { _ = takeLine(spare) }
    }
}

/// The lines of sound that comes in pieces; each pass has the text of the one before as its draft.
struct LiveLines {
    private var sound: LiveSound
    private var last: [Int] = []
    private(set) var text = LiveText()
    let transcribe: (_ samples: [Float], _ drafts: [[Int]]) throws -> Transcript

    init(index: ModelIndex, transcribe: @escaping ([Float], [[Int]]) throws -> Transcript) {
        sound = LiveSound(longest: index.lengths.last!.samples, shortest: ClipExtent.shortest(index.family))
        self.transcribe = transcribe
    }

    private mutating func complete(_ count: Int) throws {
        let line = sound.takeLine(count)
        if line.count >= sound.shortest {
            let words = try transcribe(line, last.isEmpty ? [] : [last]).text
            if !words.isEmpty { text.lines.append(words) }
        }
        (text.current, last) = ("", [])
    }

    /// Has the text changed?
    mutating func add(_ samples: [Float]) throws -> Bool {
        let before = text
        sound.add(samples)
        while let end = sound.lineEnd() { try complete(end) }
        sound.dropSilence()
        if sound.isWorthAPass {
            let pass = try transcribe(sound.samples, last.isEmpty ? [] : [last])
            (text.current, last) = (pass.text, pass.tokens)
            sound.passWasMade()
        }
        return text != before
    }

    mutating func finish() throws {
        if !sound.isSilent { try complete(sound.samples.count) }
        text.current = ""
        text.isComplete = true
    }
}
