// SPDX-License-Identifier: GPL-2.0

use crate::window::{
    Knob,
    ParseError::{
        Invalid,
        Range, //
    },
    Settings, //
};

pub fn parse() {
    let cases: &[(&str, &[u8], _)] = &[
        ("smallest", b"0", Ok(0)),
        ("largest", b"10000", Ok(10_000)),
        ("with newline", b"250\n", Ok(250)),
        ("leading zeros", b"007", Ok(7)),
        ("ten digits", b"0000000100", Ok(100)),
        ("nothing", b"", Err(Invalid)),
        ("newline only", b"\n", Err(Invalid)),
        ("two newlines", b"1\n\n", Err(Invalid)),
        ("newline first", b"\n1", Err(Invalid)),
        ("carriage return", b"1\r\n", Err(Invalid)),
        ("blank before", b" 1", Err(Invalid)),
        ("blank after", b"1 ", Err(Invalid)),
        ("blank after and newline", b"1 \n", Err(Invalid)),
        ("plus", b"+1", Err(Invalid)),
        ("minus", b"-1", Err(Invalid)),
        ("minus zero", b"-0", Err(Invalid)),
        ("text", b"on", Err(Invalid)),
        ("hexadecimal", b"0x10", Err(Invalid)),
        ("fraction", b"1.5", Err(Invalid)),
        ("unit", b"10us", Err(Invalid)),
        ("two numbers", b"1 2", Err(Invalid)),
        ("NUL after", b"1\0", Err(Invalid)),
        ("NUL only", b"\0", Err(Invalid)),
        ("not ASCII digits", "٣".as_bytes(), Err(Invalid)),
        ("not UTF-8", b"\xff", Err(Invalid)),
        ("before '0'", b"/", Err(Invalid)),
        ("after '9'", b":", Err(Invalid)),
        ("one too many", b"10001", Err(Range)),
        ("more than u32", b"4294967296", Err(Range)),
        ("largest of ten digits", b"9999999999", Err(Range)),
        ("small, but eleven digits", b"00000000001", Err(Range)),
        ("u64 overflow", b"18446744073709551616", Err(Range)),
        ("4096 nines", &[b'9'; 4096], Err(Range)),
        ("4096 zeros", &[b'0'; 4096], Err(Range)),
        ("4096 letters", &[b'x'; 4096], Err(Invalid)),
        (
            "4095 digits and a letter",
            &many_digits_and_a_letter(),
            Err(Invalid),
        ),
    ];

    for (name, text, expected) in cases {
        assert_eq!(Knob::MAX_USECS.parse(text), *expected, "{name}");
    }
}

fn many_digits_and_a_letter() -> [u8; 4096] {
    let mut text = [b'1'; 4096];

    text[4095] = b'x';
    text
}

pub fn ranges() {
    let cases = [
        ("max_usecs", Knob::MAX_USECS, 0, 10_000),
        ("max_irqs", Knob::MAX_IRQS, 1, 1_024),
        ("max_irqs parameter", Knob::MAX_IRQS_PARAM, 0, 1_024),
        ("switch", Knob::SWITCH, 0, 1),
        ("burst", Knob::BURST, 1, 64),
    ];

    for (name, knob, min, max) in cases {
        for value in [i64::MIN, -1, min - 1, max + 1, 1 << 32, i64::MAX] {
            assert_eq!(knob.check(value), Err(Range), "{name} {value}");
        }
        for value in [min, max] {
            assert_eq!(
                knob.check(value).map(i64::from),
                Ok(value),
                "{name} {value}"
            );
            let text = value.to_string();
            assert_eq!(
                knob.parse(text.as_bytes()).map(i64::from),
                Ok(value),
                "{name} {text}"
            );
        }
        let text = (max + 1).to_string();
        assert_eq!(knob.parse(text.as_bytes()), Err(Range), "{name} {text}");
        if min > 0 {
            let text = (min - 1).to_string();
            assert_eq!(knob.parse(text.as_bytes()), Err(Range), "{name} {text}");
        }
    }
}

pub fn every_value() {
    for value in 0..=10_000 {
        for text in [format!("{value}"), format!("{value}\n")] {
            assert_eq!(Knob::MAX_USECS.parse(text.as_bytes()), Ok(value));
        }
    }
}

pub fn in_one_word() {
    for usecs in 0..=10_000 {
        for irqs in [1, 2, 3, 255, 256, 1_023, 1_024] {
            let settings = Settings::new(usecs, irqs);

            assert_eq!(Settings::from_bits(settings.to_bits()), settings);
            assert_eq!((settings.max_usecs(), settings.max_irqs()), (usecs, irqs));
            assert_eq!(settings.window_ns(), u64::from(usecs) * 1_000);
        }
    }
    for irqs in 1..=1_024 {
        let settings = Settings::new(10_000, irqs);

        assert_eq!(Settings::from_bits(settings.to_bits()), settings);
    }

    let both = Settings::new(100, 4);
    assert_eq!(both.with_max_usecs(7), Settings::new(7, 4));
    assert_eq!(both.with_max_irqs(7), Settings::new(100, 7));

    // The switch goes with either, and neither with the switch.
    let adaptive = both.with_adaptive(true);
    assert!(adaptive.adaptive() && !both.adaptive() && !Settings::OFF.adaptive());
    assert_eq!(adaptive.with_adaptive(false), both);
    for settings in [
        adaptive,
        adaptive.with_max_usecs(10_000),
        adaptive.with_max_irqs(1_024),
        adaptive.with_max_usecs(0).with_max_irqs(1),
    ] {
        assert!(settings.adaptive());
        assert_eq!(Settings::from_bits(settings.to_bits()), settings);
    }
    assert_eq!(adaptive.with_max_usecs(7).max_irqs(), 4);
    assert_eq!(adaptive.with_max_irqs(7).max_usecs(), 100);

    // Whatever bits there are, the settings lie in their ranges.
    for bits in [0, 1, u32::MAX, 0xffff, 0xffff_0000, (10_001 << 16) | 1_025] {
        let settings = Settings::from_bits(bits);

        assert!(settings.max_usecs() <= 10_000, "{bits:#x}");
        assert!((1..=1_024).contains(&settings.max_irqs()), "{bits:#x}");
    }
}

pub fn that_hold() {
    let cases = [
        ("off", Settings::OFF, false),
        ("no time", Settings::new(0, 1_024), false),
        ("one interrupt", Settings::new(10_000, 1), false),
        ("shortest", Settings::new(1, 2), true),
        ("longest", Settings::new(10_000, 1_024), true),
    ];

    for (name, settings, expected) in cases {
        assert_eq!(settings.may_hold(), expected, "{name}");
    }
}
