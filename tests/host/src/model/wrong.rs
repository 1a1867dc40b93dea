// SPDX-License-Identifier: GPL-2.0

//! What the checkers may find to be wrong.
//!
//! All that they say is listed here, and there is no other way to make a [`Problem`]: so
//! `tests/host/run` can ask for a planted bug for each, and no check is there that cannot fail.

use std::fmt::{
    Display,
    Formatter,
    Result, //
};

/// Something is wrong.
#[derive(Clone, Debug)]
pub struct Problem(String);

impl Problem {
    /// Returns this with the `story` of how it came to that.
    pub fn after(self, story: &str) -> Self {
        Self(format!("{}\n{story}", self.0))
    }
}

impl Display for Problem {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(&self.0)
    }
}

/// Defines what one checker may find, and how it says so.
macro_rules! findings {
    ($(#[$about:meta])* $name:ident { $($finding:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {
            $($finding,)*
        }

        impl $name {
            /// How each is said.
            pub const TEXTS: &[&str] = &[$($text,)*];

            /// Returns it as a problem, of which there is more to say.
            pub fn with(self, details: impl Display) -> Problem {
                Problem(format!("{} {details}", Self::TEXTS[self as usize]))
            }
        }

        impl From<$name> for Problem {
            fn from(finding: $name) -> Self {
                Self($name::TEXTS[finding as usize].into())
            }
        }
    };
}

findings! {
    /// What the search through every order of steps may find.
    Order {
        Forgotten = "an interrupt is forgotten",
        Late = "an interrupt waits until",
        LeftBehind = "the vCPU enters without an interrupt that a kick was asked for",
        Asleep = "the vCPU sleeps while an interrupt waits",
        TooMany = "interrupts wait with",
        OldSettings = "a kick is held until",
        Requests = "requests open",
        Windows = "windows open",
        Irqs = "interrupts in no volley",
        LeftOver = "the word is left at",
        ArmedForEver = "the timer is armed for ever",
        Stuck = "nobody can go on",
        UseAfterFree = "use after free",
        FreedInUse = "freed with the timer in use",
        NeverHeld = "no kick was ever held",
        NoKick = "no kick for",
    }
}

findings! {
    /// What loom's checks may find, but for what loom itself does.
    Memory {
        Forgotten = "an interrupt is forgotten",
        Late = "an interrupt waits until",
        Asleep = "the vCPU sleeps while an interrupt waits",
        Requests = "requests open",
        LeftOver = "the word is left at",
        ArmedForEver = "the timer is armed for ever",
    }
}
