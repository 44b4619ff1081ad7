/* runtime.m - see runtime.h. The one file in Objective-C; compiled with -fobjc-arc on macOS only.
 *
 * Objects live in a C struct as retained pointers (CFBridgingRetain), because the struct is handed
 * around by C. Arrays are made once, at the first run, and used again: a decoder step is called for every
 * token. Output arrays may be padded row by row by the device, so they are read by their strides. */
#import <CoreML/CoreML.h>
#import <Foundation/Foundation.h>

#include <stdlib.h>
#include <string.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "coreml/run/runtime.h"

enum { INPUTS_MAX = 32, OUTPUTS_MAX = 32 };

struct coreml_model {
    void *model;  /* MLModel */
    void *state;  /* MLState, or NULL */
    void *arrays; /* NSMutableDictionary of MLFeatureValue by input name */
    struct mil_tensor outputs[OUTPUTS_MAX];
    size_t rooms[OUTPUTS_MAX]; /* elements outputs[i] has memory for */
};

static pst_status set_error(pst_error *err, pst_status status, const char *what, NSError *error) {
    const char *said = error ? error.localizedDescription.UTF8String : "no reason given";
    return error_set(err, status, "%s: Core ML says: %s (%ld)", what, said,
                     error ? (long)error.code : 0L);
}

static void warn(const struct coreml_options *options, NSString *message) {
    if (options->warn) options->warn(options->user, message.UTF8String);
}

/* ------------------------------------------------------------------------------------- opening */

static MLComputeUnits units_of(enum coreml_units units) {
    switch (units) {
    case COREML_UNITS_CPU: return MLComputeUnitsCPUOnly;
    case COREML_UNITS_GPU: return MLComputeUnitsCPUAndGPU;
    case COREML_UNITS_ANE:
        if (@available(macOS 13.0, *)) return MLComputeUnitsCPUAndNeuralEngine;
        return MLComputeUnitsAll;
    case COREML_UNITS_ALL: break;
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

/* Compiles into a temporary folder of the system's choice; the compiler may print, which is kept off
 * standard output, where results go. */
static NSURL *compile(NSString *package, NSError **error) {
    int kept = dup(STDOUT_FILENO);
    if (kept >= 0) dup2(STDERR_FILENO, STDOUT_FILENO);
    NSURL *compiled = [MLModel compileModelAtURL:[NSURL fileURLWithPath:package] error:error];
    if (kept >= 0) {
        dup2(kept, STDOUT_FILENO);
        close(kept);
    }
    return compiled;
}

/* Moves the compiled model to its place in the cache. Where another process was faster its copy is as
 * good; where the cache cannot be written the temporary one does. */
static NSURL *keep(NSURL *compiled, NSURL *place) {
    NSFileManager *files = NSFileManager.defaultManager;
    [files createDirectoryAtURL:place.URLByDeletingLastPathComponent
        withIntermediateDirectories:YES
                         attributes:nil
                              error:nil];
    if ([files moveItemAtURL:compiled toURL:place error:nil]) return place;
    return [files fileExistsAtPath:place.path] ? place : compiled;
}

static MLModel *load(NSURL *compiled, const struct coreml_options *options, NSError **error) {
    MLModelConfiguration *configuration = [MLModelConfiguration new];
    if (options->function) {
        if (@available(macOS 15.0, *))
            configuration.functionName = @(options->function);
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
        warn(options, [NSString stringWithFormat:@"%@ refused the model (%@), trying fewer",
                                                 units_name(tries[i]),
                                                 (*error).localizedDescription]);
    }
    return nil;
}

/* The cached compiled model is tried first; one that does not load is made again, once. */
static MLModel *open_model(NSString *package, const struct coreml_options *options, NSURL *place,
                           NSError **error) {
    NSFileManager *files = NSFileManager.defaultManager;
    if (place && [files fileExistsAtPath:place.path]) {
        MLModel *model = load(place, options, error);
        if (model) return model;
        [files removeItemAtURL:place error:nil];
    }
    if (place)
        warn(options, @"compiling the model for this Mac, which takes a while the first time");
    NSURL *compiled = compile(package, error);
    if (!compiled) return nil;
    if (place) compiled = keep(compiled, place);
    return load(compiled, options, error);
}

pst_status coreml_check(pst_error *err) {
    (void)err;
    return PST_OK;
}

pst_status coreml_model_open(struct coreml_model **out, const char *path,
                             const struct coreml_options *options, pst_error *err) {
    @autoreleasepool {
        NSString *package = @(path);
        NSURL *place = nil;
        NSError *error = nil;
        char hex[DIGEST_HEX_SIZE];
        if (options->function) {
            if (@available(macOS 15.0, *)) {
            } else {
                return error_set(err, PST_ERR_UNSUPPORTED,
                                 "%s: a package of several functions needs macOS 15", path);
            }
        }
        if (options->cache_dir) {
            pst_status status = find_key(package, hex, err);
            if (status) return status;
            NSString *name = [NSString stringWithFormat:@"coreml/%s.mlmodelc", hex];
            place = [NSURL
                fileURLWithPath:[@(options->cache_dir) stringByAppendingPathComponent:name]];
        }
        MLModel *model = open_model(package, options, place, &error);
        if (!model) return set_error(err, PST_ERR_MODEL, path, error);
        struct coreml_model *opened = calloc(1, sizeof *opened);
        if (!opened) return error_memory(err, sizeof *opened);
        opened->arrays = (void *)CFBridgingRetain([NSMutableDictionary new]);
        if (@available(macOS 15.0, *)) {
            if (model.modelDescription.stateDescriptionsByName.count > 0)
                opened->state = (void *)CFBridgingRetain([model newState]);
        }
        opened->model = (void *)CFBridgingRetain(model);
        *out = opened;
        return PST_OK;
    }
}

void coreml_model_free(struct coreml_model *model) {
    if (!model) return;
    if (model->model) CFRelease(model->model);
    if (model->state) CFRelease(model->state);
    if (model->arrays) CFRelease(model->arrays);
    for (size_t i = 0; i < OUTPUTS_MAX; i++) {
        free(model->outputs[i].f);
        free(model->outputs[i].i);
    }
    free(model);
}

/* -------------------------------------------------------------------------------------- arrays */

/* Calls `move` for every element of an array in row-major order with its place in memory and its number;
 * strides are in elements. */
static void walk(const NSInteger *dims, const NSInteger *strides, NSUInteger rank,
                 void (^move)(NSInteger place, size_t number)) {
    NSInteger at[MIL_RANK_MAX] = {0};
    size_t number = 0;
    for (NSUInteger i = 0; i < rank; i++)
        if (dims[i] == 0) return;
    for (;;) {
        NSInteger place = 0;
        for (NSUInteger i = 0; i < rank; i++) place += at[i] * strides[i];
        move(place, number++);
        NSUInteger axis = rank;
        while (axis > 0 && ++at[axis - 1] == dims[axis - 1]) at[--axis] = 0;
        if (axis == 0) return;
    }
}

struct layout {
    NSInteger dims[MIL_RANK_MAX], strides[MIL_RANK_MAX];
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

static void fill(MLMultiArray *array, const struct layout *layout, const struct mil_tensor *from,
                 void *bytes) {
    MLMultiArrayDataType type = array.dataType;
    walk(layout->dims, layout->strides, layout->rank, ^(NSInteger place, size_t number) {
      float value = from->f ? from->f[number] : (float)from->i[number];
      if (type == MLMultiArrayDataTypeFloat16)
          ((__fp16 *)bytes)[place] = (__fp16)value;
      else if (type == MLMultiArrayDataTypeInt32)
          ((int32_t *)bytes)[place] = from->i ? from->i[number] : (int32_t)value;
      else
          ((float *)bytes)[place] = value;
    });
}

static void empty(MLMultiArrayDataType type, const struct layout *layout, const void *bytes,
                  struct mil_tensor *to) {
    walk(layout->dims, layout->strides, layout->rank, ^(NSInteger place, size_t number) {
      if (type == MLMultiArrayDataTypeFloat16)
          to->f[number] = (float)((const __fp16 *)bytes)[place];
      else if (type == MLMultiArrayDataTypeInt32)
          to->i[number] = ((const int32_t *)bytes)[place];
      else if (type == MLMultiArrayDataTypeDouble)
          to->f[number] = (float)((const double *)bytes)[place];
      else
          to->f[number] = ((const float *)bytes)[place];
    });
}

/* -------------------------------------------------------------------------------------- running */

static pst_status set_input(struct coreml_model *model, const struct mil_tensor *input,
                            pst_error *err) {
    MLModel *object = (__bridge MLModel *)model->model;
    NSMutableDictionary<NSString *, MLFeatureValue *> *arrays =
        (__bridge NSMutableDictionary *)model->arrays;
    NSString *name = @(input->name);
    MLFeatureDescription *description = object.modelDescription.inputDescriptionsByName[name];
    if (!description || !description.multiArrayConstraint)
        return error_set(err, PST_ERR_MODEL, "the package has no input %s", input->name);
    if (!arrays[name]) {
        NSError *error = nil;
        MLMultiArray *made =
            [[MLMultiArray alloc] initWithShape:description.multiArrayConstraint.shape
                                       dataType:description.multiArrayConstraint.dataType
                                          error:&error];
        if (!made) return set_error(err, PST_ERR_MEMORY, input->name, error);
        arrays[name] = [MLFeatureValue featureValueWithMultiArray:made];
    }
    MLMultiArray *array = arrays[name].multiArrayValue;
    struct layout layout;
    if (!read_layout(array.shape, array.strides, &layout) ||
        layout.elements != mil_elements(&input->type))
        return error_set(err, PST_ERR_MODEL, "input %s has another size in the package",
                         input->name);
    [array getMutableBytesWithHandler:^(void *bytes, NSInteger size, NSArray<NSNumber *> *strides) {
      (void)size;
      (void)strides;
      fill(array, &layout, input, bytes);
    }];
    return PST_OK;
}

/* Memory for `elements` in the kind that `type` is read as. */
static int make_room(struct coreml_model *model, size_t index, size_t elements, int integers) {
    struct mil_tensor *output = &model->outputs[index];
    if (model->rooms[index] >= elements && (integers ? (void *)output->i : (void *)output->f))
        return 1;
    free(output->f);
    free(output->i);
    output->f = NULL;
    output->i = NULL;
    if (integers)
        output->i = calloc(elements ? elements : 1, sizeof *output->i);
    else
        output->f = calloc(elements ? elements : 1, sizeof *output->f);
    model->rooms[index] = output->f || output->i ? elements : 0;
    return output->f || output->i;
}

static pst_status get_output(struct coreml_model *model, id<MLFeatureProvider> result, size_t index,
                             struct mil_tensor *wanted, pst_error *err) {
    MLMultiArray *array = [result featureValueForName:@(wanted->name)].multiArrayValue;
    struct layout layout;
    if (!array) return error_set(err, PST_ERR_MODEL, "the package has no output %s", wanted->name);
    MLMultiArrayDataType type = array.dataType;
    int integers = type == MLMultiArrayDataTypeInt32;
    if (!read_layout(array.shape, array.strides, &layout))
        return error_set(err, PST_ERR_MODEL, "output %s has more than %d dimensions", wanted->name,
                         MIL_RANK_MAX);
    if (!make_room(model, index, layout.elements, integers))
        return error_memory(err, layout.elements * sizeof(float));
    struct mil_tensor *output = &model->outputs[index];
    const struct layout *places = &layout;
    output->name = wanted->name;
    output->type = (struct mil_type){.dtype = integers ? MIL_I32 : MIL_F32,
                                     .rank = (uint32_t)layout.rank};
    for (NSUInteger i = 0; i < layout.rank; i++) output->type.dims[i] = layout.dims[i];
    [array getBytesWithHandler:^(const void *bytes, NSInteger size) {
      (void)size;
      empty(type, places, bytes, output);
    }];
    *wanted = *output;
    return PST_OK;
}

static id<MLFeatureProvider> predict(struct coreml_model *model, id<MLFeatureProvider> inputs,
                                     NSError **error) {
    MLModel *object = (__bridge MLModel *)model->model;
    if (model->state) {
        if (@available(macOS 15.0, *))
            return [object predictionFromFeatures:inputs
                                       usingState:(__bridge MLState *)model->state
                                            error:error];
    }
    return [object predictionFromFeatures:inputs error:error];
}

pst_status coreml_model_run(struct coreml_model *model, const struct mil_tensor *inputs,
                            size_t input_count, struct mil_tensor *outputs, size_t output_count,
                            pst_error *err) {
    @autoreleasepool {
        NSError *error = nil;
        if (input_count > INPUTS_MAX || output_count > OUTPUTS_MAX)
            return error_set(err, PST_ERR_UNSUPPORTED, "more than %d inputs or %d outputs",
                             INPUTS_MAX, OUTPUTS_MAX);
        for (size_t i = 0; i < input_count; i++) {
            pst_status status = set_input(model, &inputs[i], err);
            if (status) return status;
        }
        MLDictionaryFeatureProvider *provider = [[MLDictionaryFeatureProvider alloc]
            initWithDictionary:(__bridge NSDictionary *)model->arrays
                         error:&error];
        if (!provider) return set_error(err, PST_ERR_MODEL, "inputs", error);
        id<MLFeatureProvider> result = predict(model, provider, &error);
        if (!result) return set_error(err, PST_ERR_MODEL, "prediction", error);
        for (size_t i = 0; i < output_count; i++) {
            pst_status status = get_output(model, result, i, &outputs[i], err);
            if (status) return status;
        }
        return PST_OK;
    }
}

pst_status coreml_model_state(struct coreml_model *model, const char *name, float *data,
                              size_t count, int write, pst_error *err) {
    __block pst_status status =
        error_set(err, PST_ERR_UNSUPPORTED, "states need macOS 15 and a package that has them");
    if (!model->state) return status;
    @autoreleasepool {
        if (@available(macOS 15.0, *)) {
            MLState *state = (__bridge MLState *)model->state;
            [state getMultiArrayForStateNamed:@(name)
                                      handler:^(MLMultiArray *array) {
                                        status = PST_OK;
                                        struct layout layout;
                                        if (!read_layout(array.shape, array.strides, &layout) ||
                                            layout.elements != count) {
                                            status = error_set(err, PST_ERR_MODEL,
                                                               "state %s has another size", name);
                                            return;
                                        }
                                        struct mil_tensor tensor = {.name = name, .f = data};
                                        MLMultiArrayDataType type = array.dataType;
                                        const struct layout *places = &layout;
                                        [array getMutableBytesWithHandler:^(
                                                   void *bytes, NSInteger size,
                                                   NSArray<NSNumber *> *strides) {
                                          (void)size;
                                          (void)strides;
                                          struct mil_tensor copy = tensor;
                                          if (write)
                                              fill(array, places, &copy, bytes);
                                          else
                                              empty(type, places, bytes, &copy);
                                        }];
                                      }];
        }
    }
    return status;
}
