/* compute_plan.m - on which device Core ML means to run the operations of a compiled package.
 *
 *     clang -fobjc-arc -framework Foundation -framework CoreML compute_plan.m -o compute_plan
 *     ./compute_plan X.mlmodelc all|ane|gpu|cpu
 *
 * A line for each function, kind of operation and device, with tabs between: the function, the
 * operation, ane|gpu|cpu|none (constants run nowhere), how many there are, and their share of the
 * whole function's estimated cost, 0 to 1. scripts/mac-report.sh makes tables of them. */
#import <CoreML/CoreML.h>
#import <Foundation/Foundation.h>

#include <stdio.h>
#include <string.h>

static const char *device_name(id<MLComputeDeviceProtocol> device) {
    if ([device isKindOfClass:[MLNeuralEngineComputeDevice class]]) return "ane";
    if ([device isKindOfClass:[MLGPUComputeDevice class]]) return "gpu";
    return "cpu";
}

static int fail(const char *what, NSError *error) {
    fprintf(stderr, "%s: %s\n", what,
            error ? error.localizedDescription.UTF8String : "no reason given");
    return 1;
}

static int read_units(const char *name, MLComputeUnits *units) {
    static const char *const NAMES[] = {"cpu", "gpu", "all", "ane"};
    static const MLComputeUnits UNITS[] = {MLComputeUnitsCPUOnly, MLComputeUnitsCPUAndGPU,
                                           MLComputeUnitsAll, MLComputeUnitsCPUAndNeuralEngine};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(name, NAMES[i]) == 0) {
            *units = UNITS[i];
            return 1;
        }
    return 0;
}

/* The plan that Core ML makes when it loads the package for this function; nil: none is named. */
API_AVAILABLE(macos(14.4))
static MLComputePlan *load_plan(const char *path, MLComputeUnits units, NSString *function,
                                NSError **error) {
    __block MLComputePlan *found = nil;
    __block NSError *why = nil;
    MLModelConfiguration *configuration = [MLModelConfiguration new];
    configuration.computeUnits = units;
    if (function) {
        if (@available(macOS 15.0, *)) configuration.functionName = function;
    }
    dispatch_semaphore_t done = dispatch_semaphore_create(0);
    [MLComputePlan loadContentsOfURL:[NSURL fileURLWithPath:@(path)]
                       configuration:configuration
                   completionHandler:^(MLComputePlan *plan, NSError *problem) {
                     found = plan;
                     why = problem;
                     dispatch_semaphore_signal(done);
                   }];
    dispatch_semaphore_wait(done, DISPATCH_TIME_FOREVER);
    *error = why;
    return found;
}

API_AVAILABLE(macos(14.4))
static void print_function(MLComputePlan *plan, NSString *name) {
    NSMutableDictionary<NSString *, NSNumber *> *counts = [NSMutableDictionary new];
    NSMutableDictionary<NSString *, NSNumber *> *costs = [NSMutableDictionary new];
    MLModelStructureProgramFunction *function = plan.modelStructure.program.functions[name];
    for (MLModelStructureProgramOperation *operation in function.block.operations) {
        MLComputePlanDeviceUsage *usage = [plan computeDeviceUsageForMLProgramOperation:operation];
        MLComputePlanCost *cost = [plan estimatedCostOfMLProgramOperation:operation];
        NSString *key =
            [NSString stringWithFormat:@"%@\t%s", operation.operatorName,
                                       usage ? device_name(usage.preferredComputeDevice) : "none"];
        counts[key] = @(counts[key].integerValue + 1);
        costs[key] = @(costs[key].doubleValue + (cost ? cost.weight : 0));
    }
    for (NSString *key in counts)
        printf("%s\t%s\t%ld\t%.6f\n", name.UTF8String, key.UTF8String,
               (long)counts[key].integerValue, costs[key].doubleValue);
}

API_AVAILABLE(macos(14.4))
static int print_plan(const char *path, MLComputeUnits units) {
    NSError *error = nil;
    MLComputePlan *first = load_plan(path, units, nil, &error);
    if (!first) return fail(path, error);
    NSDictionary<NSString *, MLModelStructureProgramFunction *> *functions =
        first.modelStructure.program.functions;
    for (NSString *name in functions) {
        MLComputePlan *plan = functions.count > 1 ? load_plan(path, units, name, &error) : first;
        if (!plan) return fail(name.UTF8String, error);
        print_function(plan, name);
    }
    return 0;
}

int main(int argc, char **argv) {
    @autoreleasepool {
        MLComputeUnits units = MLComputeUnitsAll;
        if (argc != 3 || !read_units(argv[2], &units)) {
            fprintf(stderr, "usage: compute_plan X.mlmodelc all|ane|gpu|cpu\n");
            return 2;
        }
        if (@available(macOS 14.4, *)) return print_plan(argv[1], units);
        fprintf(stderr, "MLComputePlan needs macOS 14.4\n");
        return 1;
    }
}
