// CoreMLPart.swift - a function of a package by Core ML. The only file that calls it.
//
// Every call here is declared like this in Apple's documentation: MLModel, MLModelConfiguration, MLMultiArray (bytes by
// closures: macOS 12.3, iOS 15.4), MLFeatureValue, MLDictionaryFeatureProvider, MLState (macOS 15, iOS 18).
#if canImport(CoreML)
import CoreML
import Foundation

public enum ComputeUnits: String, CaseIterable, Sendable {
    case all, ane, gpu, cpu

    var forCoreML: MLComputeUnits {
        switch self {
        case .all: return .all
        case .ane: return .cpuAndNeuralEngine
        case .gpu: return .cpuAndGPU
        case .cpu: return .cpuOnly
        }
    }
}

/// Where compiled packages are kept: by the hash of what they are made from, for the version of the system at hand.
struct CompiledPackages {
    let folder: URL
    let index: ModelIndex

    private var place: URL {
        let system = ProcessInfo.processInfo.operatingSystemVersionString
        let caches = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask)[0]
        return caches.appendingPathComponent("PotstillCoreML").appendingPathComponent(system)
    }

    /// nil where the index does not tell the hashes: then nothing is kept.
    private func kept(_ package: String) -> URL? {
        let hashes = index.files.filter { $0.key.hasPrefix(package + "/") }.sorted { $0.key < $1.key }.map(\.value)
        guard !hashes.isEmpty else { return nil }
        return place.appendingPathComponent(hashes.map { $0.prefix(20) }.joined(separator: "-") + ".mlmodelc")
    }

    func url(_ package: String) throws -> URL {
        let files = FileManager.default
        let kept = self.kept(package)
        if let kept, files.fileExists(atPath: kept.path) { return kept }
        let compiled = try MLModel.compileModel(at: folder.appendingPathComponent(package))
        guard let kept else { return compiled }
        try? files.createDirectory(at: kept.deletingLastPathComponent(), withIntermediateDirectories: true)
        try? files.moveItem(at: compiled, to: kept) // another process may have been faster
        return files.fileExists(atPath: kept.path) ? kept : compiled
    }
}

final class CoreMLPart: Part {
    private let model: MLModel
    private let part: ModelIndex.Part
    private var inputs: [String: MLFeatureValue] = [:]
    private var own: [String: MLFeatureValue] = [:] // those that are written here
    private var result: MLFeatureProvider?
    private var state: AnyObject? // MLState

    init(_ part: ModelIndex.Part, in packages: CompiledPackages, units: ComputeUnits) throws {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units.forCoreML
        if let function = part.function {
            guard #available(macOS 15, iOS 18, *) else {
                throw PotstillError("\(part.package) has several functions: that needs macOS 15 or iOS 18")
            }
            configuration.functionName = function
        }
        model = try MLModel(contentsOf: packages.url(part.package), configuration: configuration)
        self.part = part
        if !(part.states ?? []).isEmpty {
            guard #available(macOS 15, iOS 18, *) else {
                throw PotstillError("\(part.package) has a state: that needs macOS 15 or iOS 18")
            }
            state = model.makeState()
        }
    }

    /// The array of an input, all 0 at first.
    private func array(_ input: String) throws -> MLMultiArray {
        if let array = own[input]?.multiArrayValue {
            inputs[input] = own[input]
            return array
        }
        guard let feature = part.input(input) else { throw PotstillError("\(part.package) has no input \(input)") }
        let types = ["float16": MLMultiArrayDataType.float16, "float32": .float32, "int32": .int32]
        guard let type = types[feature.dtype] else { throw PotstillError("\(input) is of type \(feature.dtype)") }
        let array = try MLMultiArray(shape: feature.shape.map { NSNumber(value: $0) }, dataType: type)
        array.withUnsafeMutableBytes { bytes, _ in _ = bytes.initializeMemory(as: UInt8.self, repeating: 0) }
        own[input] = MLFeatureValue(multiArray: array)
        inputs[input] = own[input]
        return array
    }

    func write(_ input: String, _ values: [Float]) throws {
        let array = try self.array(input)
        guard array.count == values.count else {
            throw PotstillError("input \(input) has \(array.count) numbers, expected \(values.count)")
        }
        array.withUnsafeMutableBytes { bytes, _ in // made by us, so without gaps
            switch array.dataType {
            case .float16:
                let numbers = bytes.bindMemory(to: UInt16.self)
                for (i, value) in values.enumerated() { numbers[i] = Half.bits(value) }
            case .int32:
                let numbers = bytes.bindMemory(to: Int32.self)
                for (i, value) in values.enumerated() { numbers[i] = Int32(value) }
            default:
                let numbers = bytes.bindMemory(to: Float.self)
                for (i, value) in values.enumerated() { numbers[i] = value }
            }
        }
    }

    private func output(_ name: String) throws -> MLFeatureValue {
        guard let value = result?.featureValue(for: name) else {
            throw PotstillError("\(part.package) has no output \(name)")
        }
        return value
    }

    func feed(_ names: [String], from other: Part) throws {
        guard let other = other as? CoreMLPart else { return }
        for name in names { inputs[name] = try other.output(name) }
    }

    func share(_ names: [String], with other: Part) throws {
        guard let other = other as? CoreMLPart else { return }
        for name in names {
            _ = try other.array(name)
            own[name] = other.own[name]
            inputs[name] = own[name]
        }
    }

    func run() throws {
        for feature in part.inputs where inputs[feature.name] == nil { _ = try array(feature.name) }
        let provider = try MLDictionaryFeatureProvider(dictionary: inputs)
        if #available(macOS 15, iOS 18, *), let state = state as? MLState {
            result = try model.prediction(from: provider, using: state)
        } else {
            result = try model.prediction(from: provider)
        }
    }

    func best(row: Int) throws -> Best {
        guard let logits = try output("logits").multiArrayValue, logits.shape.count == 2,
            row < logits.shape[0].intValue
        else { throw PotstillError("\(part.package): logits are no rows of scores") }
        let count = logits.shape[1].intValue, step = logits.strides[1].intValue
        let first = row * logits.strides[0].intValue
        return logits.withUnsafeBytes { bytes in
            if logits.dataType == .float16 {
                let numbers = bytes.bindMemory(to: UInt16.self)
                return bestOf(count) { Half.value(numbers[first + $0 * step]) }
            }
            let numbers = bytes.bindMemory(to: Float.self)
            return bestOf(count) { numbers[first + $0 * step] }
        }
    }

    func keepColumns(_ count: Int, at position: Int) throws {
        if state != nil { return } // it has kept them itself
        for (cache, new) in [("self_k", "new_k"), ("self_v", "new_v")] {
            guard let columns = try output(new).multiArrayValue else { throw PotstillError("\(new) is no array") }
            let to = try array(cache)
            // [1, rows, 1, columns] into [1, rows, 1, slots]; ours is without gaps, that of Core ML may have some.
            let rows = columns.shape[1].intValue, slots = to.shape[3].intValue
            let down = columns.strides[1].intValue, across = columns.strides[3].intValue
            guard columns.dataType == to.dataType, rows == to.shape[1].intValue, position + count <= slots else {
                throw PotstillError("\(new) does not fit into \(cache)")
            }
            let size = columns.dataType == .float16 ? 2 : 4
            columns.withUnsafeBytes { from in
                to.withUnsafeMutableBytes { bytes, _ in
                    for r in 0..<rows {
                        for c in 0..<count {
                            let source = from.baseAddress! + (r * down + c * across) * size
                            (bytes.baseAddress! + (r * slots + position + c) * size).copyMemory(from: source,
                                                                                              byteCount: size)
                        }
                    }
                }
            }
        }
    }
}
#endif
