/*
 * One function per file of unit tests; each runs its group and returns how many failed.
 */
#ifndef TESTS_H
#define TESTS_H

#endif
