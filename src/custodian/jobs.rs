//! Jobs as callers see them: what is moved in the background, how far it is, how it ended.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Custodian,
    page::{self, Page, Wanted},
};
use crate::{
    error::Error,
    id::{Id, KekVersion},
    store::{JobRow, JobState},
};

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    #[schema(value_type = String)]
    id: Id,
    /// `kek.rotate`.
    kind: &'static str,
    /// The KEK version that all records are moved to.
    #[schema(value_type = String, example = "kek-v2-20261124")]
    kek: KekVersion,
    /// Records that were moved.
    done: u64,
    /// Records that there are to move, with those that were.
    total: u64,
    status: JobStatus,
    /// Why it failed.
    #[schema(required)]
    error: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    finished_at: Option<Timestamp>,
}

/// How a job goes.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum JobStatus {
    Done,
    Failed,
    Running,
}

impl JobView {
    /// Its path.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/v1/jobs/{}", self.id)
    }

    pub(super) fn id(&self) -> &Id {
        &self.id
    }

    pub(super) fn kek(&self) -> &KekVersion {
        &self.kek
    }
}

impl From<JobRow> for JobView {
    fn from(row: JobRow) -> Self {
        Self {
            kind: row.kind(),
            id: row.id,
            kek: row.kek,
            done: row.moved,
            total: row.total,
            status: match row.state {
                JobState::Done => JobStatus::Done,
                JobState::Failed => JobStatus::Failed,
                JobState::Running => JobStatus::Running,
            },
            error: (row.state == JobState::Failed).then(|| failure(row.unmoved)),
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

impl Custodian {
    /// One job.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub fn job(&self, id: &Id) -> Result<JobView, Error> {
        let none = Error::NotFound("there is no job of that id");
        let row = self.store.read(|view| view.job(id))?;
        row.map(JobView::from).ok_or(none)
    }

    /// A page of the jobs, in the order of their beginnings.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the cursor is not one of this list; [`Error::Unavailable`].
    pub fn jobs(&self, wanted: &Wanted) -> Result<Page<JobView>, Error> {
        let after = wanted.after().map(str::parse).transpose();
        let after = after.map_err(|_| page::NOT_OURS)?.unwrap_or(0);
        let rows = self
            .store
            .read(|view| view.jobs_after(after, wanted.rows()))?;
        let page = wanted.page(rows, |row| row.seq.to_string());
        Ok(Page {
            items: page.items.into_iter().map(JobView::from).collect(),
            next_cursor: page.next_cursor,
        })
    }
}

fn failure(unmoved: u64) -> String {
    let records = if unmoved == 1 { "record" } else { "records" };
    format!(
        "{unmoved} {records} could not be moved, since they are damaged: restore them from a backup, then rotate \
         again; the KEK versions before this one are needed until then"
    )
}
