//! Every figure for Prometheus by name: what it is, in which unit, and what it says. `docs/metrics.md` says what to do.
//!
//! Labels are words of ours, routes, or names of DEKs of which at most [`DEKS`] have figures of their own: never what a
//! client sends, a person, a token or a path.

use metrics::Unit;

/// DEKs that have figures of their own; of more, those that were made first.
pub const DEKS: usize = 1000;

/// What is known of a figure.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// What it is counted in.
    pub unit: Unit,
    /// What it says: one sentence.
    pub help: &'static str,
}

/// How a figure moves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Only up, from zero at the start of the process.
    Counter,
    /// Up and down.
    Gauge,
    /// Counts observations by size.
    Histogram,
}

/// Declares a constant for the name of each figure, and the table of all.
macro_rules! figures {
    ($($constant:ident = $kind:ident $unit:ident $name:literal $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// Every one.
        pub const ALL: &[Figure] = &[$(Figure {
            name: $constant,
            kind: Kind::$kind,
            unit: Unit::$unit,
            help: $help,
        }),*];
    };
}

figures! {
    BUILD = Gauge Count "custodian_build_info" "1, with the version and the features of the build as labels.";
    UP = Gauge Count "custodian_up" "Whether a part does its work, as the last look found: 1 or 0.";
    READY = Gauge Count "custodian_ready" "Whether the service is ready for requests: 1 or 0.";
    CLOCK_BACK = Gauge Count "custodian_clock_jumped_back" "Whether the system's clock is more than five minutes behind a time that was seen: 1 or 0.";
    TLS_NOT_AFTER = Gauge Seconds "custodian_tls_certificate_not_after_seconds" "Until when the first certificate of each file is valid, in seconds since 1970; 0 where there is none.";
    FIGURES_AGE = Gauge Seconds "custodian_figures_age_seconds" "Time since the figures that come from the database were gathered.";

    REQUESTS = Counter Count "custodian_requests_total" "Requests that were answered.";
    REQUEST_SECONDS = Histogram Seconds "custodian_request_seconds" "Time from a request's head to its answer.";
    REQUESTS_IN_FLIGHT = Gauge Count "custodian_requests_in_flight" "Requests that are not answered yet.";
    REFUSALS = Counter Count "custodian_refusals_total" "Requests that were refused, by the code of their problem.";
    KEY_USES = Gauge Count "custodian_key_uses" "Requests that use keys now.";
    KEY_USES_LIMIT = Gauge Count "custodian_key_uses_limit" "Requests that may use keys at once.";

    TOKEN_STATE = Gauge Count "custodian_token_state" "1 for the state that the key holder is in, 0 for the others.";
    TOKEN_TROUBLE = Gauge Count "custodian_token_trouble" "1 for the cause why the key holder is not up, 0 for the others.";
    TOKEN_CHANGES = Counter Count "custodian_token_state_changes_total" "Changes of the key holder's state.";
    TOKEN_OUTAGES = Counter Count "custodian_token_outages_total" "Times that the key holder went down.";
    TOKEN_REOPENINGS = Counter Count "custodian_token_reopenings_total" "Attempts to open the token again.";
    TOKEN_STUCK_CALLS = Counter Count "custodian_token_stuck_calls_total" "Calls into the token's library that were given up and had not come back.";
    TOKEN_STUCK_NOW = Gauge Count "custodian_token_stuck_calls" "Calls into the token's library that have not come back yet.";
    TOKEN_SECONDS = Histogram Seconds "custodian_token_operation_seconds" "Time that an operation of the key holder took, with waiting and repetition.";
    TOKEN_FAILURES = Counter Count "custodian_token_failures_total" "Operations of the key holder that failed, by the word for the cause.";
    TOKEN_THREADS = Gauge Count "custodian_token_threads" "Threads for calls into the token's library.";
    TOKEN_THREADS_BUSY = Gauge Count "custodian_token_threads_busy" "Threads that are in a call, with those that were given up.";
    TOKEN_THREADS_REPLACED = Gauge Count "custodian_token_threads_replaced" "Threads that are stuck and were replaced.";
    TOKEN_QUEUE = Gauge Count "custodian_token_queue" "Calls that wait for a thread.";
    TOKEN_QUEUE_SECONDS = Histogram Seconds "custodian_token_queue_seconds" "Time that a call waited for a thread.";

    COMMITS = Counter Count "custodian_commits_total" "Commits to the database; each is one wait for the disk.";
    COMMITS_FAILED = Counter Count "custodian_failed_commits_total" "Commits that failed; nothing of them remains.";
    COMMIT_SECONDS = Histogram Seconds "custodian_commit_seconds" "Time that a commit took, with the work in it.";
    COMMIT_CHANGES = Histogram Count "custodian_commit_changes" "Changes that shared one commit.";
    STORE_QUEUE = Gauge Count "custodian_store_queue" "Changes that wait for the thread that writes.";
    STORE_STALLED = Gauge Count "custodian_store_stalled" "Whether the disk does not come back from what is being written: 1 or 0.";
    DATABASE_BYTES = Gauge Bytes "custodian_database_bytes" "Size of the database file.";
    WAL_BYTES = Gauge Bytes "custodian_wal_bytes" "Size of the database's write-ahead log.";
    DISK_FREE = Gauge Bytes "custodian_disk_free_bytes" "Free space of the file system that the database is on.";
    DISK_BYTES = Gauge Bytes "custodian_disk_bytes" "Size of the file system that the database is on.";
    DAMAGED_ROWS = Gauge Count "custodian_damaged_rows" "Stored rows that are not as they were written, as far as they were looked over.";

    AUDIT_ENTRIES = Gauge Count "custodian_audit_entries" "Entries of the audit log.";
    AUDIT_UNSIGNED = Gauge Count "custodian_audit_unsigned_entries" "Entries that no checkpoint covers yet.";
    AUDIT_UNSIGNED_SECONDS = Gauge Seconds "custodian_audit_unsigned_seconds" "Age of the oldest entry that no checkpoint covers; 0 if there is none.";
    AUDIT_CHECKPOINT_AGE = Gauge Seconds "custodian_audit_checkpoint_age_seconds" "Age of the newest checkpoint; it grows while nothing is logged.";
    AUDIT_BROKEN = Gauge Count "custodian_audit_broken" "Whether the audit log is not as it was written, so that no key is used: 1 or 0.";

    KEK_AGE = Gauge Seconds "custodian_kek_age_seconds" "Age of the KEK version that wraps.";
    KEK_USED = Gauge Percent "custodian_kek_encryptions_ratio" "Encryptions that the KEK version that wraps may have made, of those after which it refuses.";
    KEK_VERSIONS = Gauge Count "custodian_kek_versions" "KEK versions, by state.";
    KEK_ROTATION_DUE = Gauge Count "custodian_kek_rotation_due" "Whether the KEK has made half of the encryptions that are safe: 1 or 0.";
    ROTATION_STATE = Gauge Count "custodian_rotation_state" "1 for the state of the newest rotation of the KEK, 0 for the others.";
    ROTATION_RECORDS = Gauge Count "custodian_rotation_records" "Records that the newest rotation of the KEK is to move.";
    ROTATION_MOVED = Gauge Count "custodian_rotation_records_moved" "Records that the newest rotation of the KEK has moved.";
    ROTATION_UNMOVED = Gauge Count "custodian_rotation_records_unmoved" "Records that the newest rotation of the KEK could not move.";
    DEK_COUNT = Gauge Count "custodian_deks" "DEKs that there are.";
    DEK_VERSIONS = Gauge Count "custodian_dek_versions" "DEK versions, by state.";
    DEKS_OVERDUE = Gauge Count "custodian_deks_rotation_overdue" "DEKs whose rotation period is over and that were not rotated.";
    DEK_OLDEST = Gauge Seconds "custodian_dek_oldest_age_seconds" "Age of the oldest DEK version that encrypts.";
    DEK_MOST_USED = Gauge Percent "custodian_dek_highest_encryptions_ratio" "Encryptions that the most used DEK version that encrypts may have made, of those after which it refuses.";
    DEK_AGE = Gauge Seconds "custodian_dek_age_seconds" "Age of the version that encrypts, for each of the first 1,000 DEKs.";
    DEK_USED = Gauge Percent "custodian_dek_encryptions_ratio" "Encryptions that the version that encrypts may have made, of those after which it refuses, for each of the first 1,000 DEKs.";
    DEKS_OPENED = Counter Count "custodian_deks_opened_total" "DEK versions that were opened, from memory or by the key holder.";
    SIGNING_KEY_AGE = Gauge Seconds "custodian_signing_key_age_seconds" "Age of each signing key of the service.";

    PRINCIPALS = Gauge Count "custodian_principals" "Active principals, by role.";
    TOKENS_EXPIRING = Gauge Count "custodian_principals_expiring" "Active principals whose last token expires within 14 days.";
    CUSTODIANS = Gauge Count "custodian_custodians" "Custodians, by lead and state.";
    OVERRIDES_OPEN = Gauge Count "custodian_overrides_open" "Overrides that may still be signed, by status.";
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
#[must_use]
pub fn number(count: u64) -> f64 {
    count as f64
}

/// Of a size that is in memory.
#[must_use]
pub fn length(length: usize) -> f64 {
    number(u64::try_from(length).unwrap_or(u64::MAX))
}

/// A yes or a no.
#[must_use]
pub fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use metrics::Unit;

    use super::{ALL, Kind};

    #[test]
    fn each_figure_has_a_name_of_its_own_that_ends_as_its_kind_and_unit_want() {
        let names: BTreeSet<_> = ALL.iter().map(|figure| figure.name).collect();
        assert_eq!(names.len(), ALL.len());
        for figure in ALL {
            let name = figure.name;
            assert!(name.starts_with("custodian_"), "{name}");
            assert_eq!(name.ends_with("_total"), figure.kind == Kind::Counter);
            for (unit, end) in [
                (Unit::Bytes, "_bytes"),
                (Unit::Percent, "_ratio"),
                (Unit::Seconds, "_seconds"),
            ] {
                assert_eq!(name.ends_with(end), figure.unit == unit, "{name}");
            }
            assert!(figure.help.ends_with('.'), "{name}");
        }
    }
}
