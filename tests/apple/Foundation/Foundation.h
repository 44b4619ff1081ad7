/* Foundation.h - what runner_coreml.m uses of Foundation, for a syntax check (see README.md). */
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

__attribute__((objc_root_class)) @interface NSObject
+ (instancetype)new;
+ (instancetype)alloc;
- (instancetype)init;
- (BOOL)isEqual:(id)object;
@end

CFTypeRef CFBridgingRetain(id object) __attribute__((cf_returns_retained));

@interface NSNumber : NSObject
@property(readonly) NSInteger integerValue;
@end

@interface NSArray<Element> : NSObject
@property(readonly) NSUInteger count;
- (Element)objectAtIndexedSubscript:(NSUInteger)index;
@end

struct fast_enumeration_state;

@interface NSDictionary<__covariant Key, __covariant Value> : NSObject
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
