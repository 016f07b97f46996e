//! Tasks that must outlive everything but the node itself.

use std::future::{Future, pending};

use tokio::task::{Id, JoinSet};

use super::AppError;

/// The tasks of a node. Dropped, all of them end.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    set: JoinSet<Result<(), AppError>>,
    names: Vec<(Id, &'static str)>,
}

impl Tasks {
    /// Starts one that never ends by itself while the node runs.
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), AppError>> + Send + 'static,
    ) {
        let id = self.set.spawn(task).id();
        self.names.push((id, name));
    }

    /// Waits until one ends, by an error, a panic or silently: always a fault.
    pub(super) async fn failed(&mut self) -> AppError {
        match self.set.join_next_with_id().await {
            Some(Ok((_, Err(error)))) => error,
            Some(Ok((id, Ok(())))) => AppError::Died(self.name(id)),
            Some(Err(error)) => AppError::Died(self.name(error.id())),
            None => pending().await,
        }
    }

    /// Waits until all have ended, having been told to.
    pub(super) async fn ended(&mut self) {
        while self.set.join_next().await.is_some() {}
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.iter().find(|(other, _)| *other == id).map_or("a task", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_death_has_a_name() {
        let mut tasks = Tasks::default();
        tasks.spawn("the quiet one", pending());
        tasks.spawn("the short one", async { Ok(()) });
        assert_eq!(tasks.failed().await.to_string(), "the short one ended unexpectedly");
        tasks.spawn("the loud one", async { panic!("on purpose") });
        assert_eq!(tasks.failed().await.to_string(), "the loud one ended unexpectedly");
    }
}
