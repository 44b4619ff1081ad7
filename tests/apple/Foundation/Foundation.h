/* Foundation.h - what our Objective-C uses of Foundation, for a syntax check (see README.md). */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef long NSInteger;
typedef unsigned long NSUInteger;
typedef signed char BOOL;
typedef const void *CFTypeRef;
#define YES ((BOOL)1)
#define NO ((BOOL)0)
#define nil ((void *)0)

void CFRelease(CFTypeRef object);

/* Which system has what, for the compiler of a Mac. */
#define API_AVAILABLE(...)
#define macos(version)

/* Objects in ARC, there too. */
@protocol OS_dispatch_semaphore
@end
typedef id<OS_dispatch_semaphore> dispatch_semaphore_t;
#define DISPATCH_TIME_FOREVER (~0ull)
dispatch_semaphore_t dispatch_semaphore_create(intptr_t value);
intptr_t dispatch_semaphore_signal(dispatch_semaphore_t semaphore);
intptr_t dispatch_semaphore_wait(dispatch_semaphore_t semaphore, uint64_t timeout);

@class NSString;
@protocol NSObject
- (BOOL)isKindOfClass:(Class)kind;
@end

__attribute__((objc_root_class)) @interface NSObject <NSObject>
+ (Class)class;
+ (instancetype)new;
+ (instancetype)alloc;
- (instancetype)init;
- (BOOL)isEqual:(id)object;
@end

CFTypeRef CFBridgingRetain(id object) __attribute__((cf_returns_retained));

@interface NSNumber : NSObject
@property(readonly) NSInteger integerValue;
@property(readonly) double doubleValue;
+ (NSNumber *)numberWithLong:(long)value;
+ (NSNumber *)numberWithDouble:(double)value;
@end

struct fast_enumeration_state;

@interface NSArray<Element> : NSObject
@property(readonly) NSUInteger count;
- (NSUInteger)countByEnumeratingWithState:(struct fast_enumeration_state *)state
                                  objects:(id *)objects
                                    count:(NSUInteger)count;
- (Element)objectAtIndexedSubscript:(NSUInteger)index;
@end

@interface NSDictionary<__covariant Key, __covariant Value> : NSObject
+ (instancetype)dictionaryWithObjects:(const id *)objects
                              forKeys:(const id *)keys
                                count:(NSUInteger)count;
@property(readonly) NSUInteger count;
- (NSUInteger)countByEnumeratingWithState:(struct fast_enumeration_state *)state
                                  objects:(id *)objects
                                    count:(NSUInteger)count;
- (Value)objectForKeyedSubscript:(Key)key;
@end

@interface NSMutableDictionary<Key, Value> : NSDictionary <Key, Value>
- (void)setObject:(Value)object forKeyedSubscript:(Key)key;
@end

@interface NSString : NSObject
@property(readonly) const char *UTF8String;
+ (instancetype)stringWithUTF8String:(const char *)text;
+ (instancetype)stringWithFormat:(NSString *)format, ...;
- (NSString *)stringByAppendingPathComponent:(NSString *)component;
@end

@interface NSConstantString : NSString
@end

@interface NSError : NSObject
@property(readonly) NSInteger code;
@property(readonly) NSString *localizedDescription;
@end

@interface NSURL : NSObject
@property(readonly) NSString *path;
@property(readonly) NSURL *URLByDeletingLastPathComponent;
+ (NSURL *)fileURLWithPath:(NSString *)path;
@end

typedef NSUInteger NSDataReadingOptions;
enum { NSDataReadingMappedIfSafe = 1 };

@interface NSData : NSObject
@property(readonly) const void *bytes;
@property(readonly) NSUInteger length;
+ (instancetype)dataWithContentsOfFile:(NSString *)path
                               options:(NSDataReadingOptions)options
                                 error:(NSError **)error;
@end

@interface NSFileManager : NSObject
@property(class, readonly) NSFileManager *defaultManager;
- (BOOL)fileExistsAtPath:(NSString *)path;
- (BOOL)createDirectoryAtURL:(NSURL *)url
    withIntermediateDirectories:(BOOL)intermediate
                     attributes:(NSDictionary *)attributes
                          error:(NSError **)error;
- (BOOL)moveItemAtURL:(NSURL *)from toURL:(NSURL *)to error:(NSError **)error;
- (BOOL)removeItemAtURL:(NSURL *)url error:(NSError **)error;
@end
