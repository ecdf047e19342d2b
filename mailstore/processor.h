/*
 * What the processor that the program runs on can do, beyond the least that its
 * architecture has.  The loader of programs has found it out anyway: to ask the processor
 * costs each connection an instruction that virtual machines have to emulate.
 */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <stdbool.h>

#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif
#endif

/*
 * PROCESSOR_X86 is defined where there may be AVX2; PROCESSOR_AVX2 stands before a
 * function that only runs where processor_has_avx2().
 */
#if defined(__x86_64__) && defined(CPU_FEATURE_ACTIVE)
#define PROCESSOR_X86
#define PROCESSOR_AVX2 __attribute__((target("avx2")))
#else
#define PROCESSOR_AVX2
#endif

static inline bool
processor_has_avx2(void)
{
#if defined(PROCESSOR_X86)
	return CPU_FEATURE_ACTIVE(AVX2);
#else
	return false;
#endif
}

#endif
