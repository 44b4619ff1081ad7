/* CoreVideo.h - what runner_coreml.m uses of Core Video, for a syntax check (see README.md). */
#pragma once

#import <Foundation/Foundation.h>

typedef const struct __CFAllocator *CFAllocatorRef;
typedef const struct __CFDictionary *CFDictionaryRef;
typedef const struct __CFString *CFStringRef;
typedef struct __CVBuffer *CVPixelBufferRef;
typedef int32_t CVReturn;
typedef uint32_t OSType;

extern const CFAllocatorRef kCFAllocatorDefault;
extern const CFStringRef kCVPixelBufferIOSurfacePropertiesKey;
enum { kCVReturnSuccess = 0 };
enum { kCVPixelFormatType_OneComponent16Half = 0x4C303068 };

CVReturn CVPixelBufferCreate(CFAllocatorRef allocator, size_t width, size_t height, OSType format,
                             CFDictionaryRef attributes, CVPixelBufferRef *buffer);
void CVPixelBufferRelease(CVPixelBufferRef buffer);
