// SPDX-License-Identifier: GPL-2.0
/*
 * Goes into the upstream VFIO tests: unless told otherwise they use iommufd,
 * which Debian's kernels do not have. The container does as well for them.
 */
#include <unistd.h>

#include <libvfio.h>

static void __attribute__((constructor)) choose_iommu_mode(void)
{
	if (access("/dev/iommu", F_OK))
		default_iommu_mode = MODE_VFIO_TYPE1V2_IOMMU;
}
