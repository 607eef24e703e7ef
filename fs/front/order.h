/* order.h: what was written before a reply is seen by whoever takes a request that follows from it:
 * the handle of an OPEN by its READs, what READ has read by the RELEASE that frees it. The kernel's
 * locks see to that. ThreadSanitizer does not know the kernel and has to be told.
 */
#ifndef QXFS_FRONT_ORDER_H
#define QXFS_FRONT_ORDER_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ORDER_TOLD 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define ORDER_TOLD 1
#endif

#ifdef ORDER_TOLD
#include <sanitizer/tsan_interface.h>

extern char order_of_kernel; /* loop.c */

static inline void order_before_reply(void)
{
	__tsan_release(&order_of_kernel);
}

static inline void order_after_request(void)
{
	__tsan_acquire(&order_of_kernel);
}
#else
static inline void order_before_reply(void)
{
}

static inline void order_after_request(void)
{
}
#endif

#endif
