// SPDX-License-Identifier: GPL-2.0

//! The administrator's settings: their ranges, their text, and their one-word form.
//!
//! Everything that can be written to a file in sysfs or given as a module parameter is one
//! [`Knob`]: a whole number within a range. [`Settings`] are the three knobs that make a window.

/// Nanoseconds in a microsecond.
pub(super) const NSEC_PER_USEC: u64 = 1_000;

/// The bit of the one-word form that is set if windows are adaptive; `max_irqs` has those below.
const ADAPTIVE: u32 = 1 << 15;
/// Lowest bit of `max_usecs` in the one-word form.
const USECS_SHIFT: u32 = 16;

/// Most digits that a number may have in text.
///
/// Every range ends far below this many digits, and every number of this many fits into a `u64`.
const MAX_DIGITS: usize = 10;

/// Why a value was refused; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// The text is not a number: `EINVAL`.
    Invalid,
    /// The number is outside the range: `ERANGE`.
    Range,
}

/// The range of one setting, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Knob {
    min: u32,
    max: u32,
}

impl Knob {
    /// Longest time to hold a kick, in microseconds; 0 means never hold.
    pub(crate) const MAX_USECS: Self = Self::new(0, 10_000);

    /// Number of interrupts held at which the kick is sent; 1 means never hold.
    pub(crate) const MAX_IRQS: Self = Self::new(1, 1_024);

    /// [`Knob::MAX_IRQS`] as a module parameter, where 0 means the number of list registers.
    pub(crate) const MAX_IRQS_PARAM: Self = Self::new(0, 1_024);

    /// A switch: 0 is off, 1 is on.
    pub(crate) const SWITCH: Self = Self::new(0, 1);

    /// Most arrivals to take in one exception; 1 means one at a time.
    pub(crate) const BURST: Self = Self::new(1, 64);

    /// Creates the range from `min` to `max`, both included.
    const fn new(min: u32, max: u32) -> Self {
        Self { min, max }
    }

    /// Returns `value` if it lies in the range.
    ///
    /// # Errors
    ///
    /// [`ParseError::Range`] if it does not.
    pub(crate) fn check(self, value: i64) -> Result<u32, ParseError> {
        match u32::try_from(value) {
            Ok(value) if (self.min..=self.max).contains(&value) => Ok(value),
            _ => Err(ParseError::Range),
        }
    }

    /// Reads a decimal number in the range from `text`, as written to a file in sysfs.
    ///
    /// Digits only, with at most one newline after them: no sign, no blank, no prefix, no NUL.
    ///
    /// # Errors
    ///
    /// - [`ParseError::Invalid`] if `text` is anything else, or empty.
    /// - [`ParseError::Range`] if the number is outside the range, or has more than ten digits.
    pub(crate) fn parse(self, text: &[u8]) -> Result<u32, ParseError> {
        let digits = text.strip_suffix(b"\n").unwrap_or(text);

        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(ParseError::Invalid);
        }
        if digits.len() > MAX_DIGITS {
            return Err(ParseError::Range);
        }

        let value = digits.iter().fold(0i64, |value, digit| {
            value
                .saturating_mul(10)
                .saturating_add(i64::from(digit.wrapping_sub(b'0')))
        });
        self.check(value)
    }
}

/// The bounds of a window, as they stand at one moment.
///
/// # Invariants
///
/// `max_usecs` lies in [`Knob::MAX_USECS`] and `max_irqs` in [`Knob::MAX_IRQS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    max_usecs: u32,
    max_irqs: u32,
    adaptive: bool,
}

impl Settings {
    /// Longest window that can be set, in nanoseconds.
    pub(crate) const LONGEST_NS: u64 = Knob::MAX_USECS.max as u64 * NSEC_PER_USEC;

    /// Settings that never hold a kick.
    pub(crate) const OFF: Self = Self {
        max_usecs: Knob::MAX_USECS.min,
        max_irqs: Knob::MAX_IRQS.min,
        adaptive: false,
    };

    /// Creates settings that are not adaptive, with values outside their ranges moved to the
    /// nearest end.
    #[inline(always)]
    pub(crate) fn new(max_usecs: u32, max_irqs: u32) -> Self {
        // INVARIANT: Both values are clamped to their ranges.
        Self {
            max_usecs: max_usecs.clamp(Knob::MAX_USECS.min, Knob::MAX_USECS.max),
            max_irqs: max_irqs.clamp(Knob::MAX_IRQS.min, Knob::MAX_IRQS.max),
            adaptive: false,
        }
    }

    /// Returns the settings whose [`Settings::to_bits`] are `bits`.
    #[inline(always)]
    pub(crate) fn from_bits(bits: u32) -> Self {
        Self::new(bits >> USECS_SHIFT, bits & (ADAPTIVE - 1)).with_adaptive(bits & ADAPTIVE != 0)
    }

    /// Returns all values in one word, so that a reader never sees one old and one new.
    pub(crate) fn to_bits(self) -> u32 {
        let adaptive = if self.adaptive { ADAPTIVE } else { 0 };

        // By the type invariants both numbers need fewer than 15 bits.
        (self.max_usecs << USECS_SHIFT) | adaptive | self.max_irqs
    }

    /// Returns the longest time to hold a kick, in microseconds.
    pub(crate) fn max_usecs(self) -> u32 {
        self.max_usecs
    }

    /// Returns the number of interrupts at which the kick is sent.
    pub(crate) fn max_irqs(self) -> u32 {
        self.max_irqs
    }

    /// Returns whether windows suit themselves to the rate of interrupts.
    #[inline(always)]
    pub(crate) fn adaptive(self) -> bool {
        self.adaptive
    }

    /// Returns these settings with another longest time.
    pub(crate) fn with_max_usecs(self, max_usecs: u32) -> Self {
        Self::new(max_usecs, self.max_irqs).with_adaptive(self.adaptive)
    }

    /// Returns these settings with another number of interrupts.
    pub(crate) fn with_max_irqs(self, max_irqs: u32) -> Self {
        Self::new(self.max_usecs, max_irqs).with_adaptive(self.adaptive)
    }

    /// Returns these settings with adaptive windows, or with fixed ones.
    #[inline(always)]
    pub(crate) fn with_adaptive(self, adaptive: bool) -> Self {
        Self { adaptive, ..self }
    }

    /// Returns the length of a window, in nanoseconds.
    pub(crate) fn window_ns(self) -> u64 {
        u64::from(self.max_usecs).wrapping_mul(NSEC_PER_USEC)
    }

    /// Returns whether any kick may be held at all.
    #[inline(always)]
    pub(crate) fn may_hold(self) -> bool {
        self.max_usecs > 0 && self.max_irqs > 1
    }
}
