// Transcribes a clip with the packages that `potstill convert` makes. See README.md.
// Left to an app: masks that say where the clip ends, the decoder's cache, the choice of tokens, their text.
import AVFoundation
import CoreML
struct Index: Decodable {
    struct Feature: Decodable { let name, dtype: String; let shape: [Int] }
    struct Part: Decodable { let package: String; let function: String?; let inputs: [Feature] }
    struct Length: Decodable { let samples, frames1, frames, memory: Int; let encoder, decoder: Part }
    struct Tokens: Decodable { let start, end, max: Int; let ends: [Int]? }
    let masked: Float; let state, do_normalize: Bool; let tokens: Tokens; let lengths: [Length]
    let model_type: String?
}
func fail(_ message: String) -> Never { print(message); exit(1) }
func readSamples(_ path: String) throws -> [Float] {
    let file = try AVAudioFile(forReading: URL(fileURLWithPath: path))
    let format = file.processingFormat  // float32, at the rate of the file
    if format.sampleRate != 16000 || format.channelCount != 1 { fail("\(path): expected 16 kHz, mono") }
    let buffer = AVAudioPCMBuffer(pcmFormat: format, frameCapacity: AVAudioFrameCount(file.length))!
    try file.read(into: buffer)
    return Array(UnsafeBufferPointer(start: buffer.floatChannelData![0], count: Int(buffer.frameLength)))
}

// An app compiles a package once, in Xcode or at its first start, and keeps the .mlmodelc.
func load(_ folder: URL, _ part: Index.Part) throws -> MLModel {
    let configuration = MLModelConfiguration()  // all compute units
    if let function = part.function {
        guard #available(macOS 15, iOS 18, *) else { fail("\(part.package) needs macOS 15 or iOS 18") }
        configuration.functionName = function
    }
    let compiled = try MLModel.compileModel(at: folder.appendingPathComponent(part.package))
    return try MLModel(contentsOf: compiled, configuration: configuration)
}

// An input as the index describes it.
func array(_ part: Index.Part, _ name: String, _ value: (Int) -> Float) throws -> MLMultiArray {
    let feature = part.inputs.first { $0.name == name }!
    let types = ["float16": MLMultiArrayDataType.float16, "float32": .float32, "int32": .int32]
    let array = try MLMultiArray(shape: feature.shape as [NSNumber], dataType: types[feature.dtype]!)
    for i in 0..<array.count { array[i] = NSNumber(value: value(i)) }
    return array
}
func predict(_ model: MLModel, _ inputs: [String: MLMultiArray]) throws -> (String) -> MLMultiArray {
    let result = try model.prediction(from: MLDictionaryFeatureProvider(dictionary: inputs))
    return { result.featureValue(for: $0)!.multiArrayValue! }
}

// NSString: to Swift's strings differently composed characters are equal; to the vocabulary they are not.
func detokenize(_ url: URL, _ ids: [Int]) throws -> String {
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as! [String: Any]
    let vocab = (json["model"] as! [String: Any])["vocab"] as! [NSString: NSNumber]
    var words: [Int: String] = [:]
    for (word, id) in vocab { words[id.intValue] = word as String }
    for token in json["added_tokens"] as! [[String: Any]] {
        words[token["id"] as! Int] = token["special"] as! Bool ? "" : (token["content"] as! String)
    }
    var bytes: [UInt8] = []
    for word in ids.compactMap({ words[$0] }) {
        let byte = word.hasPrefix("<0x") && word.count == 6 ? UInt8(word.dropFirst(3).dropLast(), radix: 16) : nil
        bytes += byte.map { [$0] } ?? Array(word.replacingOccurrences(of: "\u{2581}", with: " ").utf8)
    }
    return String(decoding: bytes.first == 32 ? bytes.dropFirst() : bytes[...], as: UTF8.self)
}
guard CommandLine.arguments.count == 3 else { fail("usage: transcribe FOLDER CLIP") }
let folder = URL(fileURLWithPath: CommandLine.arguments[1])
let json = folder.appendingPathComponent("potstill.json")
let info = try JSONDecoder().decode(Index.self, from: Data(contentsOf: json))
let samples = try readSamples(CommandLine.arguments[2])
guard !info.state, !info.do_normalize, info.model_type != "moonshine_streaming"
else { fail("this model wants more than is shown here") }
guard samples.count >= 895, let length = info.lengths.first(where: { $0.samples >= samples.count })
else { fail("the clip is too long or too short") }
let frames1 = (samples.count - 127) / 64 + 1, frames = (((frames1 - 7) / 3 + 1) - 3) / 2 + 1
let weight = Float(length.frames1) / Float(frames1)
let heard = try predict(load(folder, length.encoder), [
    "input_values": array(length.encoder, "input_values") { $0 < samples.count ? samples[$0] : 0 },
    "frame_weights": array(length.encoder, "frame_weights") { $0 < frames1 ? weight : 0 },
    "key_mask": array(length.encoder, "key_mask") { $0 < frames ? 0 : info.masked },
])
let decoder = try load(folder, length.decoder)
let step = try [
    "input_ids": array(length.decoder, "input_ids") { _ in 0 },
    "position": array(length.decoder, "position") { _ in 0 },
    "self_k": array(length.decoder, "self_k") { _ in 0 }, "cross_k": heard("cross_k"),
    "self_v": array(length.decoder, "self_v") { _ in 0 }, "cross_v": heard("cross_v"),
    "cross_mask": array(length.decoder, "cross_mask") { $0 < frames ? 0 : info.masked },
]
var ids = [info.tokens.start]
while ids.count < info.tokens.max, ids.count == 1 || !(info.tokens.ends ?? [info.tokens.end]).contains(ids.last!) {
    let position = ids.count - 1
    (step["input_ids"]![0], step["position"]![0]) = (NSNumber(value: ids.last!), NSNumber(value: position))
    let result = try predict(decoder, step)
    for (cache, new) in [("self_k", "new_k"), ("self_v", "new_v")] {  // a column, where the position is
        let slots = step[cache]!.shape[3].intValue
        for (i, value) in MLShapedArray<Float>(converting: result(new)).scalars.enumerated() {
            step[cache]![i * slots + position] = NSNumber(value: value)
        }
    }
    let logits = MLShapedArray<Float>(converting: result("logits")).scalars
    ids.append(logits.indices.max { logits[$0] < logits[$1] }!)
}
print(try detokenize(folder.appendingPathComponent("tokenizer.json"), ids))
