/* desktop_none.c: qxfs was built without libnotify. */
#include "desktop_service.h"

bool desktop_is_built(void)
{
	return false;
}

int desktop_serve(void)
{
	return 1;
}
