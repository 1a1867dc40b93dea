// SPDX-License-Identifier: GPL-2.0

use crate::window::histogram::{
    size,
    sizes_in,
    usecs,
    usecs_bucket,
    LARGEST,
    SIZE_BUCKETS,
    USECS_BUCKETS, //
};

/// The bucket of a volley, by the counter that it is counted in.
fn bucket_of(irqs: u32) -> usize {
    let (counter, _) = size(irqs);
    let found: Vec<usize> = (0..SIZE_BUCKETS)
        .filter(|bucket| sizes_in(*bucket).contains(&counter))
        .collect();

    assert_eq!(found.len(), 1, "{irqs} interrupts");
    found[0]
}

pub fn size_buckets() {
    let cases = [
        (1, 0),
        (2, 1),
        (3, 1),
        (4, 2),
        (7, 2),
        (8, 3),
        (15, 3),
        (16, 4),
        (31, 4),
        (32, 5),
        (63, 5),
        (64, 6),
        (65, 6),
        (1_024, 6),
        (u32::MAX, 6),
    ];

    for (irqs, bucket) in cases {
        assert_eq!(bucket_of(irqs), bucket, "{irqs} interrupts");
    }
    // What is none is found somewhere.
    assert_eq!(bucket_of(0), 0);
    assert_eq!(sizes_in(SIZE_BUCKETS), 0..0);
    assert_eq!(sizes_in(usize::MAX), 0..0);
}

pub fn sizes_add_up() {
    for irqs in (0..2_000).chain([u32::MAX]) {
        let (counter, beyond) = size(irqs);

        assert!(counter <= LARGEST);
        assert_eq!(counter as u64 + u64::from(beyond), u64::from(irqs));
    }
    // Every counter is in one bucket.
    let all: Vec<usize> = (0..SIZE_BUCKETS).flat_map(sizes_in).collect();
    assert_eq!(all, (0..=LARGEST).collect::<Vec<_>>());
}

pub fn usecs_buckets() {
    let cases = [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 2),
        (4, 3),
        (1_023, 10),
        (1_024, 11),
        (8_191, 13),
        (8_192, 14),
        (10_000, 14),
        (1 << 40, 14),
        (u64::MAX, 14),
    ];

    for (time, bucket) in cases {
        assert_eq!(usecs_bucket(time), bucket, "{time} us");
    }
    assert_eq!((usecs(999), usecs(1_000), usecs(1_999)), (0, 1, 1));
    assert_eq!(usecs_bucket(u64::MAX), USECS_BUCKETS - 1);
}
