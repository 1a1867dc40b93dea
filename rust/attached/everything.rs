// SPDX-License-Identifier: GPL-2.0

//! All that is attached, to be looked at without having anybody wait.

use super::ATTACHED;
use crate::{
    source::Source,
    vm::Vm, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What was attached at one moment, for whoever looks at it.
///
/// Nobody waits for him: he has references, which may be the last ones by the time they are dropped.
/// So no lock may be held then that is needed to destroy a VM.
pub(crate) struct Everything {
    pub(crate) vms: KVVec<Arc<Vm>>,
    pub(crate) sources: KVVec<Arc<Source>>,
}

impl Everything {
    /// Gets references to all there is. Context: process, sleeps; the module is initialised.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn get() -> Result<Self> {
        let mut vms = KVVec::new();
        let mut sources = KVVec::new();

        loop {
            let (nr_vms, nr_sources) = {
                let attached = ATTACHED.lock();
                let (nr_vms, nr_sources) = (attached.vms.len(), attached.sources.len());

                if nr_vms <= vms.capacity() && nr_sources <= sources.capacity() {
                    // There is room for all of them.
                    for known in &attached.vms {
                        let _ = vms.push_within_capacity(known.vm.clone());
                    }
                    for known in &attached.sources {
                        let _ = sources.push_within_capacity(known.source.clone());
                    }
                    return Ok(Self { vms, sources });
                }
                (nr_vms, nr_sources)
            };
            vms.reserve(nr_vms, GFP_KERNEL)?;
            sources.reserve(nr_sources, GFP_KERNEL)?;
        }
    }
}
