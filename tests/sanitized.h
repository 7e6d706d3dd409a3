/* Is this build one with the address or thread sanitizer? Such a build looks for bad accesses, and a loop finds in its
 * hundredth round hardly one that it did not find in its tenth. What numbers come out, the release builds check at full length.
 */
#ifndef YOLO_TESTS_SANITIZED_H
#define YOLO_TESTS_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* as gcc says it */
enum { SANITIZED = 1 };
#elif defined(__has_feature) /* as clang does */
enum { SANITIZED = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) };
#else
enum { SANITIZED = 0 };
#endif

#endif
