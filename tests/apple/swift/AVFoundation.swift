// AVFoundation.swift - what examples/swift uses of AVFoundation, for a type check (see ../README.md).
import Foundation

public typealias AVAudioFrameCount = UInt32

open class AVAudioFormat: NSObject {
    public var sampleRate: Double { fatalError() }
    public var channelCount: UInt32 { fatalError() }
}

open class AVAudioPCMBuffer: NSObject {
    public init?(pcmFormat: AVAudioFormat, frameCapacity: AVAudioFrameCount) { fatalError() }
    public var frameLength: AVAudioFrameCount { fatalError() }
    public var floatChannelData: UnsafePointer<UnsafeMutablePointer<Float>>? { fatalError() }
}

open class AVAudioFile: NSObject {
    public init(forReading url: URL) throws { fatalError() }
    public var processingFormat: AVAudioFormat { fatalError() }
    public var length: Int64 { fatalError() }
    public func read(into buffer: AVAudioPCMBuffer) throws { fatalError() }
}
