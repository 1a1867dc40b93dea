// SPDX-License-Identifier: GPL-2.0

//! What a weakly ordered memory may do, by loom.
//!
//! Every access has the ordering that the kernel gives it and no more: a fully ordered atomic is a
//! relaxed one between two full barriers, `smp_mb()` is a full barrier, `READ_ONCE()` is relaxed.
//! The vCPU's list has even less: KVM reads and writes it under `ap_list_lock`, which would order
//! almost everything here by itself, so it is left out. The protocol must do without.
//!
//! Where the vCPU's thread stores what others change by compare-exchange, this has an exchange
//! instead of a store, because loom would otherwise let a third CPU see both in either order.

use super::wrong::{
    Memory,
    Problem, //
};
use crate::window::{
    expired,
    release_all,
    volley_queued,
    AtomicWord,
    Hold,
    Outcome,
    Settings,
    Vcpu, //
};
use loom::{
    cell::UnsafeCell,
    sync::{
        atomic::{
            fence,
            AtomicBool,
            AtomicI64,
            AtomicU32,
            AtomicU64,
            AtomicUsize,
            Ordering::{
                AcqRel,
                Acquire,
                Relaxed,
                Release,
                SeqCst, //
            }, //
        },
        Arc,
        Mutex,
        RwLock, //
    }, //
};

/// `vcpu->mode`.
pub const OUTSIDE: usize = 0;
const IN_GUEST: usize = 1;
const EXITING: usize = 2;

/// How long a kick is held, in nanoseconds.
pub const WINDOW: u64 = 2_000;

/// `Atomic<u64>` with `Full` ordering, and what it lives in.
pub struct Shared {
    word: AtomicU64,
    /// Borrowed while the word is in use, and borrowed for ever once it is freed.
    memory: UnsafeCell<()>,
}

impl AtomicWord for Arc<Shared> {
    const TRIES: u32 = 2;

    fn load(&self) -> u64 {
        self.memory.with(|_| self.word.load(Relaxed))
    }

    fn compare_exchange(&self, old: u64, new: u64) -> Result<u64, u64> {
        self.memory.with(|_| {
            fence(SeqCst);
            let found = self.word.compare_exchange(old, new, Relaxed, Relaxed);
            fence(SeqCst);
            found
        })
    }

    fn swap(&self, new: u64) -> u64 {
        self.memory.with(|_| {
            fence(SeqCst);
            let found = self.word.swap(new, Relaxed);
            fence(SeqCst);
            found
        })
    }
}

/// Everything that CPUs share.
pub struct World {
    hold: Hold<Arc<Shared>>,
    shared: Arc<Shared>,
    /// `KVM_REQ_IRQ_PENDING` in `vcpu->requests`.
    request: AtomicBool,
    /// `vcpu->mode`.
    pub mode: AtomicUsize,
    /// `vcpu->wait.task` is set, and the thread is in `TASK_INTERRUPTIBLE`.
    blocking: AtomicBool,
    /// A reschedule interrupt is on its way.
    ipi: AtomicBool,
    /// Interrupts on the vCPU's list.
    list: AtomicU32,
    /// When the timer is queued for, under the timer base's lock.
    timer: Mutex<Option<u64>>,
    /// Held while the timer's callback runs.
    callback: Mutex<()>,
    /// Readers are in RCU read-side sections; whether the source is attached.
    attached: RwLock<bool>,
    /// Requests that have been counted neither as sent nor as saved.
    open: AtomicI64,
}

/// A CPU, at one time.
struct Cpu<'a> {
    world: &'a World,
    now: u64,
}

impl Vcpu for Cpu<'_> {
    fn set_request(&self) -> bool {
        fence(SeqCst);
        let was_set = self.world.request.swap(true, Relaxed);
        fence(SeqCst);
        was_set
    }

    fn request_pending(&self) -> bool {
        self.world.request.load(Relaxed)
    }

    fn in_guest(&self) -> bool {
        self.world.mode.load(Relaxed) == IN_GUEST
    }

    // `VcpuRef::kick()`, rust/kvm/vcpu.rs.
    fn kick(&self) -> bool {
        let world = self.world;

        if !self.in_guest() {
            // `rcuwait_wake_up()`: its `smp_mb()` (B), then `wake_up_process()`.
            fence(SeqCst);
            return world.blocking.load(Relaxed) && world.blocking.swap(false, AcqRel);
        }
        // `kvm_vcpu_exiting_guest_mode()`: `smp_mb__before_atomic()`, then `cmpxchg()`.
        fence(SeqCst);
        let exiting = self.in_guest()
            && world
                .mode
                .compare_exchange(IN_GUEST, EXITING, AcqRel, Relaxed)
                .is_ok();
        if exiting {
            world.ipi.store(true, Release);
        }
        exiting
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn start_timer(&self, deadline: u64) {
        *self.world.timer.lock().unwrap() = Some(deadline);
    }
}

impl World {
    /// The vCPU runs in the guest, and nothing has happened yet.
    pub fn new() -> Arc<Self> {
        let shared = Arc::new(Shared {
            word: AtomicU64::new(0),
            memory: UnsafeCell::new(()),
        });

        Arc::new(Self {
            hold: Hold::new(shared.clone()),
            shared,
            request: AtomicBool::new(false),
            mode: AtomicUsize::new(IN_GUEST),
            blocking: AtomicBool::new(false),
            ipi: AtomicBool::new(false),
            list: AtomicU32::new(0),
            timer: Mutex::new(None),
            callback: Mutex::new(()),
            attached: RwLock::new(true),
            open: AtomicI64::new(0),
        })
    }

    fn count(&self, outcome: Outcome) {
        let [requests, sent, saved] = [
            outcome.tally.requests,
            outcome.tally.sent,
            outcome.tally.saved(),
        ]
        .map(i64::from);

        self.open.fetch_add(requests - sent - saved, Relaxed);
    }

    /// An interrupt arrives.
    pub fn arrive(&self, now: u64) {
        let cpu = Cpu { world: self, now };

        self.list.fetch_add(1, Relaxed);
        self.count(volley_queued(&self.hold, &cpu, Settings::new(2, 4), 1));
    }

    /// An interrupt arrives while its source may be detached.
    pub fn arrive_if_attached(&self, now: u64) {
        let attached = self.attached.read().unwrap();

        if *attached {
            self.arrive(now);
        } else {
            let cpu = Cpu { world: self, now };

            self.list.fetch_add(1, Relaxed);
            cpu.set_request();
            cpu.kick();
        }
    }

    /// The timer expires, if it is queued.
    pub fn expire(&self) {
        let _running = self.callback.lock().unwrap();
        let queued = self.timer.lock().unwrap().take();

        if let Some(now) = queued {
            self.count(expired(&self.hold, &Cpu { world: self, now }));
        }
    }

    /// The source is detached, and its hold word freed.
    pub fn detach(&self) {
        // Take the handler away, and wait for those that still run.
        *self.attached.write().unwrap() = false;
        let cpu = Cpu {
            world: self,
            now: 0,
        };
        self.count(release_all(&self.hold, &cpu));
        // `hrtimer_cancel()`.
        let running = self.callback.lock().unwrap();
        *self.timer.lock().unwrap() = None;
        drop(running);
        self.shared.memory.with_mut(|_| ());
    }

    /// The vCPU's thread enters the guest: `kvm_arch_vcpu_ioctl_run()`, arch/arm64/kvm/arm.c.
    pub fn enter(&self) {
        loop {
            // `check_vcpu_requests()`, with the barrier of `kvm_check_request()`.
            if self.request.load(Relaxed) {
                self.request.swap(false, Relaxed);
                fence(SeqCst);
            }
            // `smp_store_mb(vcpu->mode, IN_GUEST_MODE)`.
            self.mode.store(IN_GUEST, Relaxed);
            fence(SeqCst);
            // `kvm_vcpu_exit_request()`.
            if !self.request.load(Relaxed) {
                break;
            }
            self.mode.swap(OUTSIDE, Release);
        }
        // `kvm_vgic_flush_hwstate()`.
        if self.list.load(Relaxed) != 0 {
            self.list.swap(0, Relaxed);
        }
    }

    /// The vCPU's thread leaves the guest, and a reschedule interrupt is taken.
    pub fn leave(&self) {
        self.mode.swap(OUTSIDE, Release);
        self.ipi.swap(false, Acquire);
    }

    /// The vCPU's thread leaves the guest, and blocks if nothing waits: `kvm_vcpu_block()`.
    pub fn leave_and_block(&self) {
        self.leave();
        // `prepare_to_rcuwait()`, then `set_current_state()` with its barrier.
        self.blocking.swap(true, Relaxed);
        fence(SeqCst);
        // `kvm_vcpu_check_block()`.
        if self.list.load(Relaxed) != 0 {
            self.blocking.swap(false, Relaxed);
            self.enter();
        }
    }

    /// All other CPUs are done: the vCPU goes where it must, then spins in the guest or sleeps.
    pub fn check(&self, latest: u64) {
        if let Err(problem) = self.run_out(latest) {
            panic!("{problem}");
        }
    }

    fn run_out(&self, latest: u64) -> Result<(), Problem> {
        // The timer may come early, then in time, then in vain.
        for _ in 0..4 {
            if self.mode.load(Relaxed) == OUTSIDE && !self.blocking.load(Relaxed) {
                self.enter();
            }
            if self.ipi.load(Relaxed) {
                self.leave();
                self.enter();
            }
            let waiting = self.list.load(Relaxed) != 0;
            if waiting && self.blocking.load(Relaxed) {
                return Err(Memory::Asleep.into());
            }
            match *self.timer.lock().unwrap() {
                Some(comes) if waiting && comes > latest => {
                    return Err(Memory::Late.with(format_args!("{comes} instead of {latest}")));
                }
                Some(_) => (),
                None if waiting => return Err(Memory::Forgotten.into()),
                None => return self.check_rest(),
            }
            self.expire();
        }
        Err(Memory::ArmedForEver.into())
    }

    /// Nothing may be left over once there is no timer.
    fn check_rest(&self) -> Result<(), Problem> {
        let open = self.open.load(Relaxed);
        let word = self.shared.word.load(Relaxed);

        if open != 0 {
            return Err(Memory::Requests.with(format_args!("({open})")));
        }
        if word != 0 {
            return Err(Memory::LeftOver.with(format_args!("{word:#x}")));
        }
        Ok(())
    }
}
