// SPDX-License-Identifier: GPL-2.0

//! Unit tests: tables of named cases.

mod adaptive;
mod histogram;
mod load;
mod merging;
mod protocol;
mod rate;
mod settings;
mod tally;
mod verdicts;
mod word;

use crate::Test;

/// All unit tests.
pub const TESTS: &[Test] = &[
    ("settings_parse", settings::parse),
    ("settings_ranges", settings::ranges),
    ("settings_every_value", settings::every_value),
    ("settings_in_one_word", settings::in_one_word),
    ("settings_that_hold", settings::that_hold),
    ("histogram_size_buckets", histogram::size_buckets),
    ("histogram_sizes_add_up", histogram::sizes_add_up),
    ("histogram_usecs_buckets", histogram::usecs_buckets),
    ("tally_sums", tally::sums),
    ("tally_saturates", tally::saturates),
    ("verdicts_sound", verdicts::sound),
    ("verdicts_unsound", verdicts::unsound),
    ("verdicts_anything", verdicts::anything),
    ("word_packs", word::packs),
    ("word_request", word::request),
    ("word_request_overtaken", word::request_overtaken),
    ("word_expire", word::expire),
    ("word_armed_before", word::armed_before),
    ("word_left", word::left),
    ("word_deadline_wraps", word::deadline_wraps),
    ("word_held_time", word::held_time),
    ("protocol_order_of_steps", protocol::order_of_steps),
    ("protocol_settings_off", protocol::settings_off),
    ("protocol_life_of_a_window", protocol::life_of_a_window),
    ("protocol_releases", protocol::releases),
    ("protocol_windows_that_end", protocol::windows_that_end),
    ("protocol_gives_up_and_kicks", protocol::gives_up_and_kicks),
    ("protocol_urgent", protocol::urgent),
    ("protocol_adaptive", protocol::adaptive),
    ("merging_what_to_do", merging::what_to_do),
    ("merging_kicks", merging::kicks),
    ("rate_steps", rate::steps),
    ("rate_clocks_of_two_cpus", rate::clocks_of_two_cpus),
    ("rate_any_word", rate::any_word),
    ("adaptive_rule", adaptive::rule),
    ("adaptive_within_settings", adaptive::within_settings),
    ("adaptive_low_rates", adaptive::low_rates),
    ("adaptive_high_rates", adaptive::high_rates),
    ("adaptive_in_between", adaptive::in_between),
    ("adaptive_bursts", adaptive::bursts),
    ("adaptive_load_changes", adaptive::load_changes),
    ("adaptive_source_gone_mad", adaptive::source_gone_mad),
    ("adaptive_lost_updates", adaptive::lost_updates),
];
