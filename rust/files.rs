// SPDX-License-Identifier: GPL-2.0

//! The files in `/sys/kernel/volley`: what each shows, and what may be written to it.
//!
//! `Documentation/ABI/testing/sysfs-kernel-volley` describes them for users.

use crate::{
    handler::Choice,
    params,
    source::Source,
    stats::{
        Fates,
        Kicks,
        Left, //
    },
    sysfs::Attribute,
    vm::Vm,
    window::{
        histogram::{
            SIZE_BUCKETS,
            USECS_BUCKETS, //
        },
        Knob,
        ParseError,
        Reason, //
    },
};
use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::Arc, //
};

mod tree;

pub(crate) use self::tree::{
    Host,
    SourceDirectory,
    Tree,
    VmDirectory, //
};

type HostFile = Attribute<Host>;
type VmFile = Attribute<Arc<Vm>>;
type VcpuFile = Attribute<Vcpu>;
type SourceFile = Attribute<Arc<Source>>;

/// What the files of a vCPU's directory see.
struct Vcpu {
    vm: Arc<Vm>,
    index: u32,
}

impl Vcpu {
    /// Returns one count of the vCPU.
    fn kicks(&self, count: impl Fn(&Kicks) -> u64) -> u64 {
        self.vm
            .vcpu(self.index)
            .map_or(0, |vcpu| count(&vcpu.kicks))
    }
}

/// Reads what was written to a file.
fn parse(knob: Knob, text: &str) -> Result<u32> {
    knob.parse(text.as_bytes()).map_err(|error| match error {
        ParseError::Invalid => EINVAL,
        ParseError::Range => ERANGE,
    })
}

static HOST_FILES: [HostFile; 5] = [
    HostFile::ro(c"version", |_| env!("VOLLEY_VERSION")),
    HostFile::ro(c"list_registers", |host| host.list_registers),
    HostFile::rw(
        c"max_usecs",
        |_| params::defaults().max_usecs(),
        |_, text| {
            let value = parse(Knob::MAX_USECS, text)?;
            params::change_defaults(|settings| settings.with_max_usecs(value));
            Ok(())
        },
    ),
    HostFile::rw(
        c"max_irqs",
        |_| params::defaults().max_irqs(),
        |_, text| {
            let value = parse(Knob::MAX_IRQS, text)?;
            params::change_defaults(|settings| settings.with_max_irqs(value));
            Ok(())
        },
    ),
    HostFile::rw(
        c"adaptive",
        |_| u32::from(params::defaults().adaptive()),
        |_, text| {
            let value = parse(Knob::SWITCH, text)? == 1;
            params::change_defaults(|settings| settings.with_adaptive(value));
            Ok(())
        },
    ),
];

/// Arrivals of a VM that were left to the host for one reason.
macro_rules! vm_left {
    ($name:literal, $why:expr) => {
        VmFile::ro($name, |vm| vm.fates(|fates| fates.left($why)))
    };
}

/// Kicks of a VM that were sent for one reason.
macro_rules! vm_sent {
    ($name:literal, $reason:expr) => {
        VmFile::ro($name, |vm| vm.kicks(|kicks| kicks.sent_for($reason)))
    };
}

/// Arrivals of a source that were left to the host for one reason.
macro_rules! source_left {
    ($name:literal, $why:expr) => {
        SourceFile::ro($name, |source| source.fates.left($why))
    };
}

static VM_FILES: [VmFile; 34] = [
    VmFile::rw(
        c"enabled",
        |vm| u32::from(vm.enabled()),
        |vm, text| {
            vm.set_enabled(parse(Knob::SWITCH, text)? == 1);
            Ok(())
        },
    ),
    VmFile::rw(
        c"max_usecs",
        |vm| vm.settings().max_usecs(),
        |vm, text| {
            let value = parse(Knob::MAX_USECS, text)?;
            vm.change_settings(|settings| settings.with_max_usecs(value));
            Ok(())
        },
    ),
    VmFile::rw(
        c"max_irqs",
        |vm| vm.settings().max_irqs(),
        |vm, text| {
            let value = parse(Knob::MAX_IRQS, text)?;
            vm.change_settings(|settings| settings.with_max_irqs(value));
            Ok(())
        },
    ),
    VmFile::rw(
        c"adaptive",
        |vm| u32::from(vm.settings().adaptive()),
        |vm, text| {
            let value = parse(Knob::SWITCH, text)? == 1;
            vm.change_settings(|settings| settings.with_adaptive(value));
            Ok(())
        },
    ),
    VmFile::ro(c"received", |vm| vm.fates(|fates| fates.received.get())),
    VmFile::ro(c"forwarded", |vm| vm.fates(|fates| fates.forwarded.get())),
    VmFile::ro(c"merged", |vm| vm.fates(|fates| fates.merged.get())),
    VmFile::ro(c"to_host", |vm| vm.fates(Fates::to_host)),
    vm_left!(c"to_host_disabled", Left::Disabled),
    vm_left!(c"to_host_handler", Left::Handler),
    vm_left!(c"to_host_invalid", Left::Invalid),
    vm_left!(c"to_host_untranslated", Left::Untranslated),
    vm_left!(c"to_host_refused", Left::Refused),
    VmFile::ro(c"consumed", |vm| vm.fates(|fates| fates.consumed.get())),
    VmFile::ro(c"deferred", |vm| vm.fates(|fates| fates.deferred.get())),
    VmFile::ro(c"kick_requests", |vm| {
        vm.kicks(|kicks| kicks.requests.get())
    }),
    VmFile::ro(c"kicks_sent", |vm| vm.kicks(Kicks::sent)),
    vm_sent!(c"kicks_sent_off", Reason::Off),
    vm_sent!(c"kicks_sent_outside", Reason::Outside),
    vm_sent!(c"kicks_sent_count", Reason::Count),
    vm_sent!(c"kicks_sent_time", Reason::Time),
    vm_sent!(c"kicks_sent_contention", Reason::Contention),
    vm_sent!(c"kicks_sent_release", Reason::Release),
    vm_sent!(c"kicks_sent_rate", Reason::Rate),
    vm_sent!(c"kicks_sent_urgent", Reason::Urgent),
    VmFile::ro(c"kicks_held", |vm| vm.kicks(|kicks| kicks.held.get())),
    VmFile::ro(c"kicks_saved", |vm| vm.kicks(Kicks::saved)),
    VmFile::ro(c"kicks_saved_exit", |vm| {
        vm.kicks(|kicks| kicks.saved_exit.get())
    }),
    VmFile::ro(c"kicks_saved_shared", |vm| {
        vm.kicks(|kicks| kicks.saved_shared.get())
    }),
    VmFile::ro(c"kicks_saved_awake", |vm| {
        vm.kicks(|kicks| kicks.saved_awake.get())
    }),
    VmFile::ro(c"volleys", |vm| vm.kicks(Kicks::volleys)),
    VmFile::ro(c"volley_irqs", |vm| vm.kicks(Kicks::volley_irqs)),
    VmFile::ro(c"windows", |vm| vm.kicks(|kicks| kicks.windows.get())),
    VmFile::ro(c"held_usecs_total", |vm| vm.kicks(Kicks::held_usecs)),
];

static VCPU_FILES: [VcpuFile; 11] = [
    VcpuFile::ro(c"kick_requests", |vcpu| {
        vcpu.kicks(|kicks| kicks.requests.get())
    }),
    VcpuFile::ro(c"kicks_sent", |vcpu| vcpu.kicks(Kicks::sent)),
    VcpuFile::ro(c"kicks_held", |vcpu| vcpu.kicks(|kicks| kicks.held.get())),
    VcpuFile::ro(c"kicks_saved", |vcpu| vcpu.kicks(Kicks::saved)),
    VcpuFile::ro(c"kicks_saved_exit", |vcpu| {
        vcpu.kicks(|kicks| kicks.saved_exit.get())
    }),
    VcpuFile::ro(c"kicks_saved_shared", |vcpu| {
        vcpu.kicks(|kicks| kicks.saved_shared.get())
    }),
    VcpuFile::ro(c"kicks_saved_awake", |vcpu| {
        vcpu.kicks(|kicks| kicks.saved_awake.get())
    }),
    VcpuFile::ro(c"volleys", |vcpu| vcpu.kicks(Kicks::volleys)),
    VcpuFile::ro(c"volley_irqs", |vcpu| vcpu.kicks(Kicks::volley_irqs)),
    VcpuFile::ro(c"windows", |vcpu| vcpu.kicks(|kicks| kicks.windows.get())),
    VcpuFile::ro(c"held_usecs_total", |vcpu| vcpu.kicks(Kicks::held_usecs)),
];

/// The files of the histograms of a VM or of a vCPU, each a bucket.
struct Histograms<T> {
    sizes: [Attribute<T>; SIZE_BUCKETS],
    usecs: [Attribute<T>; USECS_BUCKETS],
}

/// One histogram's files: the buckets by the least value in each.
macro_rules! buckets {
    ($file:ident, $count:ident: $($bucket:literal => $name:literal),* $(,)?) => {
        [$($file::ro($name, |of| of.kicks(|kicks| kicks.$count($bucket)))),*]
    };
}

/// Both histograms' files.
macro_rules! histograms {
    ($file:ident) => {
        Histograms {
            sizes: buckets!($file, volleys_of:
                0 => c"1", 1 => c"2", 2 => c"4", 3 => c"8", 4 => c"16", 5 => c"32", 6 => c"64"),
            usecs: buckets!($file, held_for:
                0 => c"0", 1 => c"1", 2 => c"2", 3 => c"4", 4 => c"8", 5 => c"16", 6 => c"32",
                7 => c"64", 8 => c"128", 9 => c"256", 10 => c"512", 11 => c"1024", 12 => c"2048",
                13 => c"4096", 14 => c"8192"),
        }
    };
}

static VM_HISTOGRAMS: Histograms<Arc<Vm>> = histograms!(VmFile);
static VCPU_HISTOGRAMS: Histograms<Vcpu> = histograms!(VcpuFile);

static SOURCE_FILES: [SourceFile; 17] = [
    SourceFile::ro(c"vm", |source| source.vm().id()),
    SourceFile::ro(c"vcpu", |source| source.last_target().0),
    SourceFile::ro(c"intid", |source| source.last_target().1),
    SourceFile::ro(c"gsi", |source| source.route().gsi()),
    SourceFile::rw(
        c"handler",
        |source| source.handler_name(),
        |source, text| {
            source.choose(Choice::parse(text).ok_or(EINVAL)?);
            Ok(())
        },
    ),
    SourceFile::rw(
        c"urgent",
        |source| u32::from(source.urgent()),
        |source, text| {
            source.set_urgent(parse(Knob::SWITCH, text)? == 1);
            Ok(())
        },
    ),
    SourceFile::ro(c"received", |source| source.fates.received.get()),
    SourceFile::ro(c"forwarded", |source| source.fates.forwarded.get()),
    SourceFile::ro(c"merged", |source| source.fates.merged.get()),
    SourceFile::ro(c"to_host", |source| source.fates.to_host()),
    source_left!(c"to_host_disabled", Left::Disabled),
    source_left!(c"to_host_handler", Left::Handler),
    source_left!(c"to_host_invalid", Left::Invalid),
    source_left!(c"to_host_untranslated", Left::Untranslated),
    source_left!(c"to_host_refused", Left::Refused),
    SourceFile::ro(c"consumed", |source| source.fates.consumed.get()),
    SourceFile::ro(c"deferred", |source| source.fates.deferred.get()),
];

/// Prints all files of a VM's directory as one line. Context: process, sleeps.
pub(crate) fn print_vm(out: &SeqFile, vm: &Arc<Vm>) {
    print(out, &VM_FILES, vm);
}

/// Prints all files of a vCPU's directory as one line.
pub(crate) fn print_vcpu(out: &SeqFile, vm: &Arc<Vm>, index: u32) {
    let vcpu = Vcpu {
        vm: vm.clone(),
        index,
    };
    print(out, &VCPU_FILES, &vcpu);
}

/// Prints all files of a source's directory as one line.
pub(crate) fn print_source(out: &SeqFile, source: &Arc<Source>) {
    print(out, &SOURCE_FILES, source);
}

/// Prints ` name=value` for each of `files`, and ends the line.
fn print<T>(out: &SeqFile, files: &[Attribute<T>], data: &T) {
    let mut line = [0; 64];
    for file in files {
        let value = file
            .read(data, &mut line)
            .ok()
            .and_then(|length| core::str::from_utf8(line.get(..length)?).ok())
            .unwrap_or("?");
        seq_print!(out, " {}={}", file.name(), value.trim_end());
    }
    seq_print!(out, "\n");
}
