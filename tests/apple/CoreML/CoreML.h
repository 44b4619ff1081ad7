/* CoreML.h - what our Objective-C uses of Core ML, for a syntax check (see README.md). */
#pragma once

#import <CoreVideo/CoreVideo.h>
#import <Foundation/Foundation.h>

typedef NSInteger MLComputeUnits;
enum {
    MLComputeUnitsCPUOnly = 0,
    MLComputeUnitsCPUAndGPU = 1,
    MLComputeUnitsAll = 2,
    MLComputeUnitsCPUAndNeuralEngine = 3
};

typedef NSInteger MLMultiArrayDataType;
enum {
    MLMultiArrayDataTypeDouble = 65600,
    MLMultiArrayDataTypeFloat32 = 65568,
    MLMultiArrayDataTypeFloat16 = 65552,
    MLMultiArrayDataTypeInt32 = 131104
};

@interface MLMultiArray : NSObject
@property(readonly) MLMultiArrayDataType dataType;
@property(readonly) NSArray<NSNumber *> *shape;
@property(readonly) NSArray<NSNumber *> *strides;
- (instancetype)initWithShape:(NSArray<NSNumber *> *)shape
                     dataType:(MLMultiArrayDataType)type
                        error:(NSError **)error;
- (instancetype)initWithPixelBuffer:(CVPixelBufferRef)buffer shape:(NSArray<NSNumber *> *)shape;
- (void)getBytesWithHandler:(void (^)(const void *bytes, NSInteger size))handler;
- (void)getMutableBytesWithHandler:(void (^)(void *bytes, NSInteger size,
                                             NSArray<NSNumber *> *strides))handler;
@end

@interface MLFeatureValue : NSObject
@property(readonly) MLMultiArray *multiArrayValue;
+ (instancetype)featureValueWithMultiArray:(MLMultiArray *)array;
@end

@protocol MLFeatureProvider
- (MLFeatureValue *)featureValueForName:(NSString *)name;
@end

@interface MLDictionaryFeatureProvider : NSObject <MLFeatureProvider>
- (instancetype)initWithDictionary:(NSDictionary<NSString *, id> *)dictionary
                             error:(NSError **)error;
@end

@interface MLMultiArrayConstraint : NSObject
@property(readonly) NSArray<NSNumber *> *shape;
@property(readonly) MLMultiArrayDataType dataType;
@end

@interface MLFeatureDescription : NSObject
@property(readonly) MLMultiArrayConstraint *multiArrayConstraint;
@end

@interface MLModelDescription : NSObject
@property(readonly) NSDictionary<NSString *, MLFeatureDescription *> *inputDescriptionsByName;
@property(readonly) NSDictionary<NSString *, MLFeatureDescription *> *outputDescriptionsByName;
@property(readonly) NSDictionary<NSString *, MLFeatureDescription *> *stateDescriptionsByName;
@end

@interface MLModelConfiguration : NSObject
@property MLComputeUnits computeUnits;
@property NSString *functionName;
@end

@interface MLState : NSObject
- (void)getMultiArrayForStateNamed:(NSString *)name handler:(void (^)(MLMultiArray *))handler;
@end

@interface MLPredictionOptions : NSObject
@property(copy) NSDictionary<NSString *, id> *outputBackings;
@end

@interface MLModel : NSObject
@property(readonly) MLModelDescription *modelDescription;
+ (NSURL *)compileModelAtURL:(NSURL *)url error:(NSError **)error;
+ (instancetype)modelWithContentsOfURL:(NSURL *)url
                         configuration:(MLModelConfiguration *)configuration
                                 error:(NSError **)error;
- (MLState *)newState;
- (id<MLFeatureProvider>)predictionFromFeatures:(id<MLFeatureProvider>)features
                                        options:(MLPredictionOptions *)options
                                          error:(NSError **)error;
- (id<MLFeatureProvider>)predictionFromFeatures:(id<MLFeatureProvider>)features
                                     usingState:(MLState *)state
                                        options:(MLPredictionOptions *)options
                                          error:(NSError **)error;
@end

@protocol MLComputeDeviceProtocol <NSObject>
@end
@interface MLCPUComputeDevice : NSObject <MLComputeDeviceProtocol>
@end
@interface MLGPUComputeDevice : NSObject <MLComputeDeviceProtocol>
@end
@interface MLNeuralEngineComputeDevice : NSObject <MLComputeDeviceProtocol>
@end

@interface MLModelStructureProgramOperation : NSObject
@property(readonly) NSString *operatorName;
@end

@interface MLModelStructureProgramBlock : NSObject
@property(readonly) NSArray<MLModelStructureProgramOperation *> *operations;
@end

@interface MLModelStructureProgramFunction : NSObject
@property(readonly) MLModelStructureProgramBlock *block;
@end

@interface MLModelStructureProgram : NSObject
@property(readonly) NSDictionary<NSString *, MLModelStructureProgramFunction *> *functions;
@end

@interface MLModelStructure : NSObject
@property(readonly) MLModelStructureProgram *program;
@end

@interface MLComputePlanCost : NSObject
@property(readonly) double weight;
@end

@interface MLComputePlanDeviceUsage : NSObject
@property(readonly) id<MLComputeDeviceProtocol> preferredComputeDevice;
@end

@interface MLComputePlan : NSObject
@property(readonly) MLModelStructure *modelStructure;
+ (void)loadContentsOfURL:(NSURL *)url
            configuration:(MLModelConfiguration *)configuration
        completionHandler:(void (^)(MLComputePlan *plan, NSError *error))handler;
- (MLComputePlanCost *)estimatedCostOfMLProgramOperation:
    (MLModelStructureProgramOperation *)operation;
- (MLComputePlanDeviceUsage *)computeDeviceUsageForMLProgramOperation:
    (MLModelStructureProgramOperation *)operation;
@end
