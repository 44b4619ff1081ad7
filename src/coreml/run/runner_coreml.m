/* runner_coreml.m - runs functions of packages by Core ML; see runner.h. The only Objective-C of
 * the library, compiled with -fobjc-arc on macOS.
 *
 * C code passes struct function around, so its objects are retained pointers (CFBridgingRetain).
 * The array of an input is made once and kept: a decoder runs for every token, and only what has
 * changed is written. Arrays of outputs are made once too and offered to every run, which saves
 * Core ML to make new ones; it may take others all the same, and those may have padded rows, so
 * what is read is what the run has given, by its strides. Arrays of float16 are memory that the
 * Neural Engine uses in place (IOSurface), where the system makes it. */
#import <CoreML/CoreML.h>
#import <CoreVideo/CoreVideo.h>
#import <Foundation/Foundation.h>

#include <stdlib.h>
#include <string.h>
#include <sys/sysctl.h>

#include "base/digest.h"
#include "base/error.h"
#include "coreml/mil/mil_type.h"
#include "coreml/run/runner.h"

struct function {
    void *model;   /* MLModel */
    void *state;   /* MLState, or NULL */
    void *own;     /* NSMutableDictionary of MLFeatureValue by input name: those written here */
    void *inputs;  /* the same, of what the next run gets: own ones, and other functions' outputs */
    void *result;  /* id<MLFeatureProvider> of the last run, or NULL */
    void *options; /* MLPredictionOptions of every run */
};

static pst_status set_error(pst_error *err, pst_status status, const char *what, NSError *error) {
    const char *said = error ? error.localizedDescription.UTF8String : "no reason given";
    return error_set(err, status, "%s: Core ML says: %s (%ld)", what, said,
                     error ? (long)error.code : 0L);
}

static void warn(const pst_model_options *options, NSString *message) {
    if (options->warn) options->warn(options->user, message.UTF8String);
}

/* -------------------------------------------------------------------------------------- memory */

struct layout {
    NSInteger dims[MIL_RANK_MAX], strides[MIL_RANK_MAX]; /* strides in elements */
    NSUInteger rank;
    size_t elements;
};

static int read_layout(NSArray<NSNumber *> *shape, NSArray<NSNumber *> *strides,
                       struct layout *layout) {
    *layout = (struct layout){.rank = shape.count, .elements = 1};
    if (shape.count > MIL_RANK_MAX || strides.count != shape.count) return 0;
    for (NSUInteger i = 0; i < shape.count; i++) {
        layout->dims[i] = shape[i].integerValue;
        layout->strides[i] = strides[i].integerValue;
        layout->elements *= (size_t)layout->dims[i];
    }
    return 1;
}

/* Is element n, counted row by row, at place n? */
static int is_dense(const struct layout *layout) {
    NSInteger dense = 1;
    for (NSUInteger i = layout->rank; i-- > 0; dense *= layout->dims[i])
        if (layout->dims[i] != 1 && layout->strides[i] != dense) return 0;
    return 1;
}

/* Memory that the Neural Engine reads and writes in place: of a pixel buffer, for float16 only. Its
 * rows may be padded. nil: this system makes none of that size. */
static MLMultiArray *make_surface(NSArray<NSNumber *> *shape) {
    CVPixelBufferRef buffer = NULL;
    size_t width = 1, height = 1;
    for (NSUInteger i = 0; i < shape.count; i++) {
        size_t size = (size_t)shape[i].integerValue;
        if (i + 1 == shape.count)
            width = size;
        else
            height *= size;
    }
    NSDictionary *attributes = @{(__bridge NSString *)kCVPixelBufferIOSurfacePropertiesKey : @{}};
    CVReturn status = CVPixelBufferCreate(kCFAllocatorDefault, width, height,
                                          kCVPixelFormatType_OneComponent16Half,
                                          (__bridge CFDictionaryRef)attributes, &buffer);
    if (status != kCVReturnSuccess) return nil;
    MLMultiArray *array = nil;
    if (@available(macOS 12.0, *))
        array = [[MLMultiArray alloc] initWithPixelBuffer:buffer shape:shape];
    CVPixelBufferRelease(buffer);
    return array;
}

/* `dense`: numbers are to lie one behind the other, as where they are written. */
static MLMultiArray *make_array(MLMultiArrayConstraint *constraint, int dense, NSError **error) {
    MLMultiArray *array = nil;
    struct layout layout;
    if (constraint.dataType == MLMultiArrayDataTypeFloat16) array = make_surface(constraint.shape);
    if (array &&
        (!dense || (read_layout(array.shape, array.strides, &layout) && is_dense(&layout))))
        return array;
    return [[MLMultiArray alloc] initWithShape:constraint.shape
                                      dataType:constraint.dataType
                                         error:error];
}

/* ------------------------------------------------------------------------------------- opening */

static MLComputeUnits units_of(pst_compute_units units) {
    switch (units) {
    case PST_UNITS_CPU: return MLComputeUnitsCPUOnly;
    case PST_UNITS_GPU: return MLComputeUnitsCPUAndGPU;
    case PST_UNITS_ANE:
        if (@available(macOS 13.0, *)) return MLComputeUnitsCPUAndNeuralEngine;
        return MLComputeUnitsAll;
    case PST_UNITS_ALL: break;
    }
    return MLComputeUnitsAll;
}

static NSString *units_name(MLComputeUnits units) {
    switch (units) {
    case MLComputeUnitsCPUOnly: return @"the CPU";
    case MLComputeUnitsCPUAndGPU: return @"CPU and GPU";
    case MLComputeUnitsAll: return @"all compute units";
    default: return @"CPU and Neural Engine";
    }
}

/* The system's build: a compiled model belongs to it. */
static pst_status add_system(struct digest *digest, pst_error *err) {
    char version[64] = "";
    size_t size = sizeof version - 1;
    sysctlbyname("kern.osversion", version, &size, NULL, 0);
    return digest_add(digest, version, strlen(version), err);
}

static pst_status add_file(struct digest *digest, NSString *path, pst_error *err) {
    NSError *error = nil;
    NSData *bytes = [NSData dataWithContentsOfFile:path
                                           options:NSDataReadingMappedIfSafe
                                             error:&error];
    if (!bytes) return set_error(err, PST_ERR_MODEL, path.UTF8String, error);
    return digest_add(digest, bytes.bytes, bytes.length, err);
}

/* What the compiled form depends on: program, weights, system, and the version of this code. */
static pst_status find_key(NSString *package, char hex[DIGEST_HEX_SIZE], pst_error *err) {
    struct digest digest = {0};
    NSString *data = [package stringByAppendingPathComponent:@"Data/com.apple.CoreML"];
    NSString *weights = [data stringByAppendingPathComponent:@"weights/weight.bin"];
    pst_status status = digest_begin(&digest, DIGEST_SHA256, err);
    if (!status)
        status = add_file(&digest, [data stringByAppendingPathComponent:@"model.mlmodel"], err);
    if (!status && [NSFileManager.defaultManager fileExistsAtPath:weights])
        status = add_file(&digest, weights, err);
    if (!status) status = add_system(&digest, err);
    if (!status) status = digest_add(&digest, PST_VERSION, strlen(PST_VERSION), err);
    if (!status) status = digest_end(&digest, hex, err);
    digest_free(&digest);
    return status;
}

/* Moves the compiled model to its place in the cache. If another process was faster, its copy is
 * used; if the cache cannot be written, the temporary one. */
static NSURL *keep(NSURL *compiled, NSURL *place) {
    NSFileManager *files = NSFileManager.defaultManager;
    [files createDirectoryAtURL:place.URLByDeletingLastPathComponent
        withIntermediateDirectories:YES
                         attributes:nil
                              error:nil];
    if ([files moveItemAtURL:compiled toURL:place error:nil]) return place;
    return [files fileExistsAtPath:place.path] ? place : compiled;
}

/* An array for each output of fixed shape. One that cannot be made is left to Core ML. */
static MLPredictionOptions *make_options(MLModel *model) {
    MLPredictionOptions *options = [MLPredictionOptions new];
    NSDictionary<NSString *, MLFeatureDescription *> *outputs =
        model.modelDescription.outputDescriptionsByName;
    NSMutableDictionary<NSString *, id> *backings = [NSMutableDictionary new];
    for (NSString *name in outputs) {
        MLMultiArrayConstraint *constraint = outputs[name].multiArrayConstraint;
        if (!constraint || constraint.shape.count == 0) continue;
        MLMultiArray *array = make_array(constraint, 0, nil);
        if (array) backings[name] = array;
    }
    if (@available(macOS 13.0, *)) options.outputBackings = backings;
    return options;
}

/* `name` NULL: the only function. Where the compute units refuse the model, fewer are tried. */
static MLModel *load_compiled(NSURL *compiled, const char *name, const pst_model_options *options,
                              NSError **error) {
    MLModelConfiguration *configuration = [MLModelConfiguration new];
    if (name) {
        if (@available(macOS 15.0, *)) configuration.functionName = @(name);
    }
    MLComputeUnits tries[] = {units_of(options->units), MLComputeUnitsCPUAndGPU,
                              MLComputeUnitsCPUOnly};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        if (i > 0 && tries[i] == tries[i - 1]) continue;
        configuration.computeUnits = tries[i];
        MLModel *model = [MLModel modelWithContentsOfURL:compiled
                                           configuration:configuration
                                                   error:error];
        if (model) return model;
        if (tries[i] == MLComputeUnitsCPUOnly) break;
        warn(options,
             [NSString stringWithFormat:@"%@ refused the model (%@), trying fewer",
                                        units_name(tries[i]), (*error).localizedDescription]);
    }
    return nil;
}

/* The cached compiled model is tried first; one that does not load is made again, once. */
static MLModel *open_model(NSString *package, const char *name, const pst_model_options *options,
                           NSURL *place, NSError **error) {
    NSFileManager *files = NSFileManager.defaultManager;
    if (place && [files fileExistsAtPath:place.path]) {
        MLModel *model = load_compiled(place, name, options, error);
        if (model) return model;
        [files removeItemAtURL:place error:nil];
    }
    if (place)
        warn(options, @"compiling the model for this Mac, which takes a while the first time");
    /* Into a temporary folder of the system's choice. */
    NSURL *compiled = [MLModel compileModelAtURL:[NSURL fileURLWithPath:package] error:error];
    if (!compiled) return nil;
    if (place) compiled = keep(compiled, place);
    return load_compiled(compiled, name, options, error);
}

/* Where the compiled model is kept; nil: nowhere. */
static pst_status find_place(NSString *package, const pst_model_options *options, NSURL **place,
                             pst_error *err) {
    char hex[DIGEST_HEX_SIZE];
    *place = nil;
    if (!options->cache_dir) return PST_OK;
    pst_status status = find_key(package, hex, err);
    if (status) return status;
    NSString *name = [NSString stringWithFormat:@"coreml/%s.mlmodelc", hex];
    *place = [NSURL fileURLWithPath:[@(options->cache_dir) stringByAppendingPathComponent:name]];
    return PST_OK;
}

static pst_status load(const pst_model_options *options, unsigned threads, const char *path,
                       const char *name, struct function **out, pst_error *err) {
    (void)threads; /* it has its own */
    @autoreleasepool {
        NSURL *place = nil;
        NSError *error = nil;
        if (name) {
            if (@available(macOS 15.0, *)) {
            } else {
                return error_set(err, PST_ERR_UNSUPPORTED,
                                 "%s: a package of several functions needs macOS 15", path);
            }
        }
        pst_status status = find_place(@(path), options, &place, err);
        if (status) return status;
        MLModel *model = open_model(@(path), name, options, place, &error);
        if (!model) return set_error(err, PST_ERR_MODEL, path, error);
        struct function *function = calloc(1, sizeof *function);
        if (!function) return error_memory(err, sizeof *function);
        function->own = (void *)CFBridgingRetain([NSMutableDictionary new]);
        function->inputs = (void *)CFBridgingRetain([NSMutableDictionary new]);
        if (@available(macOS 15.0, *)) {
            if (model.modelDescription.stateDescriptionsByName.count > 0)
                function->state = (void *)CFBridgingRetain([model newState]);
        }
        function->options = (void *)CFBridgingRetain(make_options(model));
        function->model = (void *)CFBridgingRetain(model);
        *out = function;
        return PST_OK;
    }
}

static void unload(struct function *function) {
    if (!function) return;
    void *objects[] = {function->model,  function->state,  function->own,
                       function->inputs, function->result, function->options};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
        if (objects[i]) CFRelease(objects[i]);
    free(function);
}

/* -------------------------------------------------------------------------------------- arrays */

/* Loops that compilers turn into vectors; `to` and `from` lie `step` elements apart. */
static void put(void *to, size_t step, MLMultiArrayDataType type, const float *from, size_t count) {
    if (type == MLMultiArrayDataTypeFloat16)
        for (size_t i = 0; i < count; i++) ((__fp16 *)to)[i * step] = (__fp16)from[i];
    else if (type == MLMultiArrayDataTypeInt32)
        for (size_t i = 0; i < count; i++) ((int32_t *)to)[i * step] = (int32_t)from[i];
    else
        for (size_t i = 0; i < count; i++) ((float *)to)[i * step] = from[i];
}

static void get(float *to, const void *from, size_t step, MLMultiArrayDataType type, size_t count) {
    if (type == MLMultiArrayDataTypeFloat16)
        for (size_t i = 0; i < count; i++) to[i] = (float)((const __fp16 *)from)[i * step];
    else if (type == MLMultiArrayDataTypeInt32)
        for (size_t i = 0; i < count; i++) to[i] = (float)((const int32_t *)from)[i * step];
    else if (type == MLMultiArrayDataTypeDouble)
        for (size_t i = 0; i < count; i++) to[i] = (float)((const double *)from)[i * step];
    else
        for (size_t i = 0; i < count; i++) to[i] = ((const float *)from)[i * step];
}

static size_t element_bytes(MLMultiArrayDataType type) {
    if (type == MLMultiArrayDataTypeFloat16) return 2;
    return type == MLMultiArrayDataTypeDouble ? 8 : 4;
}

/* All of an array, row by row of its last dimension. */
static void get_all(float *to, const void *from, MLMultiArrayDataType type,
                    const struct layout *layout) {
    NSInteger at[MIL_RANK_MAX] = {0};
    NSUInteger last = layout->rank ? layout->rank - 1 : 0;
    size_t length = layout->rank ? (size_t)layout->dims[last] : 1;
    size_t step = layout->rank ? (size_t)layout->strides[last] : 1;
    for (size_t done = 0; done < layout->elements; done += length) {
        NSInteger place = 0;
        for (NSUInteger i = 0; i < last; i++) place += at[i] * layout->strides[i];
        get(to + done, (const char *)from + (size_t)place * element_bytes(type), step, type,
            length);
        for (NSUInteger axis = last; axis > 0 && ++at[axis - 1] == layout->dims[axis - 1]; axis--)
            at[axis - 1] = 0;
    }
}

/* ------------------------------------------------------------------------------------- running */

static NSMutableDictionary<NSString *, MLFeatureValue *> *values_at(void *dictionary) {
    return (__bridge NSMutableDictionary *)dictionary;
}

static MLMultiArrayConstraint *constraint_of(const struct function *function, const char *input) {
    MLModel *model = (__bridge MLModel *)function->model;
    return model.modelDescription.inputDescriptionsByName[@(input)].multiArrayConstraint;
}

/* The array of zeros that an input is written into. */
static pst_status make_input(const struct function *function, const char *input,
                             MLMultiArray **made, pst_error *err) {
    NSError *error = nil;
    struct layout layout;
    MLMultiArrayConstraint *constraint = constraint_of(function, input);
    if (!constraint) return error_set(err, PST_ERR_MODEL, "the package has no input %s", input);
    MLMultiArray *array = make_array(constraint, 1, &error);
    if (!array) return set_error(err, PST_ERR_MEMORY, input, error);
    if (!read_layout(array.shape, array.strides, &layout) || !is_dense(&layout))
        return error_set(err, PST_ERR_UNSUPPORTED, "input %s is not stored row by row", input);
    size_t bytes = layout.elements * element_bytes(array.dataType);
    [array getMutableBytesWithHandler:^(void *to, NSInteger size, NSArray<NSNumber *> *strides) {
      (void)size;
      (void)strides;
      memset(to, 0, bytes);
    }];
    *made = array;
    return PST_OK;
}

/* Gives the next run the input that is written here, made at the first call. */
static pst_status use_own(struct function *function, const char *input, MLMultiArray **array,
                          pst_error *err) {
    NSMutableDictionary<NSString *, MLFeatureValue *> *own = values_at(function->own);
    if (!own[@(input)]) {
        MLMultiArray *made = nil;
        pst_status status = make_input(function, input, &made, err);
        if (status) return status;
        own[@(input)] = [MLFeatureValue featureValueWithMultiArray:made];
    }
    values_at(function->inputs)[@(input)] = own[@(input)];
    *array = own[@(input)].multiArrayValue;
    return PST_OK;
}

static pst_status write_input(struct function *function, const char *input, struct places places,
                              const float *data, pst_error *err) {
    @autoreleasepool {
        MLMultiArray *array = nil;
        struct layout layout;
        pst_status status = use_own(function, input, &array, err);
        if (status) return status;
        if (!read_layout(array.shape, array.strides, &layout) || places.count == 0 ||
            places.first + (places.count - 1) * places.step >= layout.elements)
            return error_set(err, PST_ERR_MODEL, "input %s has another shape than the index says",
                             input);
        MLMultiArrayDataType type = array.dataType;
        [array
            getMutableBytesWithHandler:^(void *to, NSInteger size, NSArray<NSNumber *> *strides) {
              (void)size;
              (void)strides;
              put((char *)to + places.first * element_bytes(type), places.step, type, data,
                  places.count);
            }];
        return PST_OK;
    }
}

static MLFeatureValue *output_of(const struct function *function, const char *output) {
    id<MLFeatureProvider> result = (__bridge id<MLFeatureProvider>)function->result;
    return [result featureValueForName:@(output)];
}

static pst_status read_array(MLMultiArray *array, const char *output, float *data, size_t count,
                             pst_error *err) {
    struct layout layout;
    if (!array) return error_set(err, PST_ERR_MODEL, "the package has no output %s", output);
    if (!read_layout(array.shape, array.strides, &layout) || layout.elements != count)
        return error_set(err, PST_ERR_MODEL, "output %s has another shape than the index says",
                         output);
    MLMultiArrayDataType type = array.dataType;
    const struct layout *places = &layout;
    [array getBytesWithHandler:^(const void *from, NSInteger size) {
      (void)size;
      get_all(data, from, type, places);
    }];
    return PST_OK;
}

static pst_status read_output(struct function *function, const char *output, float *data,
                              size_t count, pst_error *err) {
    @autoreleasepool {
        return read_array(output_of(function, output).multiArrayValue, output, data, count, err);
    }
}

static pst_status feed(struct function *function, const char *input, struct function *from,
                       pst_error *err) {
    @autoreleasepool {
        MLFeatureValue *value = output_of(from, input);
        MLMultiArray *array = value.multiArrayValue;
        MLMultiArrayConstraint *constraint = constraint_of(function, input);
        struct layout layout;
        if (array && constraint && array.dataType == constraint.dataType &&
            [array.shape isEqual:constraint.shape]) {
            values_at(function->inputs)[@(input)] = value;
            return PST_OK;
        }
        if (!array || !read_layout(array.shape, array.strides, &layout))
            return error_set(err, PST_ERR_MODEL, "the package has no output %s", input);
        float *copy = malloc(layout.elements * sizeof *copy);
        if (!copy) return error_memory(err, layout.elements * sizeof *copy);
        pst_status status = read_array(array, input, copy, layout.elements, err);
        if (!status)
            status =
                write_input(function, input, (struct places){0, 1, layout.elements}, copy, err);
        free(copy);
        return status;
    }
}

static id<MLFeatureProvider> predict(struct function *function, id<MLFeatureProvider> inputs,
                                     NSError **error) {
    MLModel *model = (__bridge MLModel *)function->model;
    MLPredictionOptions *options = (__bridge MLPredictionOptions *)function->options;
    if (function->state) {
        if (@available(macOS 15.0, *))
            return [model predictionFromFeatures:inputs
                                      usingState:(__bridge MLState *)function->state
                                         options:options
                                           error:error];
    }
    return [model predictionFromFeatures:inputs options:options error:error];
}

/* Inputs that nobody has written are 0. */
static pst_status complete_inputs(struct function *function, pst_error *err) {
    MLModel *model = (__bridge MLModel *)function->model;
    pst_status status = PST_OK;
    if (values_at(function->inputs).count == model.modelDescription.inputDescriptionsByName.count)
        return PST_OK;
    for (NSString *name in model.modelDescription.inputDescriptionsByName) {
        MLMultiArray *array = nil;
        if (!status && !values_at(function->inputs)[name])
            status = use_own(function, name.UTF8String, &array, err);
    }
    return status;
}

static pst_status run_function(struct function *function, pst_error *err) {
    @autoreleasepool {
        NSError *error = nil;
        pst_status status = complete_inputs(function, err);
        if (status) return status;
        MLDictionaryFeatureProvider *provider =
            [[MLDictionaryFeatureProvider alloc] initWithDictionary:values_at(function->inputs)
                                                              error:&error];
        if (!provider) return set_error(err, PST_ERR_MODEL, "inputs", error);
        id<MLFeatureProvider> result = predict(function, provider, &error);
        if (!result) return set_error(err, PST_ERR_MODEL, "prediction", error);
        if (function->result) CFRelease(function->result);
        function->result = (void *)CFBridgingRetain(result);
        return PST_OK;
    }
}

const struct runner runner_coreml = {.name = "coreml",
                                     .load = load,
                                     .unload = unload,
                                     .write = write_input,
                                     .feed = feed,
                                     .run = run_function,
                                     .read = read_output};
