// SPDX-License-Identifier: GPL-2.0

//! Control: attaching sources as pairs are connected, detaching them as they part.
//!
//! ```text
//! KVM connects a pair ---> probe ---> errand: attach what is connected ---> errand: its files
//! a pair is parted ------> del_consumer: detach; once it returns, nothing of the pair is in use,
//!                          nor of its VM if this was its last source, but for what hard
//!                          interrupts have left to a work item, and by who reads a file
//!                     ---> errand: its files
//! ```
//!
//! A source that cannot be attached stays on the stock path; the next connection tries again. One
//! that is attached takes part once its line is taken over: at once with `auto_attach`, or when the
//! administrator wants it.

use crate::{
    attached,
    context::Serialised,
    errands::Errands,
    files::Tree,
    kvm::{
        with_manager_locked,
        ConnectProbe,
        Connected,
        Pair, //
    },
    loads::Loads,
    registry::REGISTRY, //
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// How often memory is asked for, 10 ms apart, to find what is connected.
const TRIES: usize = 10;

/// Everything that goes on while the module is loaded; dropping it gives everything back.
pub(crate) struct Control {
    /// Dropped first: no more news of connections.
    probe: Option<ConnectProbe<Arc<Errands>>>,
    errands: Arc<Errands>,
}

impl Control {
    /// Attaches what is connected, and follows what will be.
    ///
    /// Without `auto_attach`, lines are taken over only as the administrator wants it.
    ///
    /// # Safety
    ///
    /// To be called once.
    pub(crate) unsafe fn start(
        tree: Arc<Tree>,
        loads: Arc<Loads>,
        auto_attach: bool,
    ) -> Result<Self> {
        // SAFETY: This is called once, by the safety requirements.
        unsafe { attached::init() };

        let errands = Errands::new(look_for_connections, attached::directories::update)?;
        let mut control = Self {
            probe: None,
            errands: errands.clone(),
        };
        attached::begin(tree, loads, auto_attach);
        // From here on new connections are told of; the others are found by looking once.
        control.probe = Some(ConnectProbe::new(errands.clone())?);
        errands.leave_look();
        errands.finish();
        Ok(control)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.probe = None;
        // Nothing is attached after this.
        self.errands.stop();

        // The manager may be out of memory for our pair, but not for long: it is a few bytes.
        while with_manager_locked(&mut |serialised| {
            attached::detach_all(serialised);
            Ok(())
        })
        .is_err()
        {
            fsleep(Delta::from_millis(1));
        }

        // What handlers have deferred; there is no more of it.
        self.errands.finish_all();
        attached::end();
        // With the files gone nobody leaves an errand any more; one that was left does nothing.
        self.errands.finish();

        // SAFETY: All sources were withdrawn and quiesced above, and their flow handlers given back
        // before that; the probe and the watches are gone, so there will be no others.
        unsafe { REGISTRY.clear() };
    }
}

impl Connected for Arc<Errands> {
    fn connected(&self) {
        self.leave_look();
    }
}

/// Attaches what is connected, and takes over lines that are wanted. Context: process.
fn look_for_connections(errands: &Arc<Errands>) {
    let mut look = |serialised: &Serialised| {
        let pairs = Pair::collect(serialised)?;
        attached::attach_connected(&pairs, errands, serialised);
        errands.leave_files();
        Ok(())
    };
    // If there is no memory there may be in a moment: it is a few bytes.
    for _ in 0..TRIES {
        match with_manager_locked(&mut look) {
            Ok(()) => return,
            Err(_) => fsleep(Delta::from_millis(10)),
        }
    }
    pr_warn!("cannot look for connected interrupts, for lack of memory\n");
}
