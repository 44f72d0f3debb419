//! Another client of the database: its locks, and what the store waits for because of them.

use std::time::Duration;

use clowder_core::ChatId;
use clowder_infra::DatabaseUrl;
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection, sql_query};

use crate::{
    scribe::Scribe,
    world::{World, beside},
};

impl World {
    /// An id as written in a statement for this database.
    pub fn literal<T>(&self, id: clowder_core::Id<T>) -> String {
        match &self.options.url {
            DatabaseUrl::Postgres(_) => format!("'{id}'::uuid"),
            DatabaseUrl::Sqlite(_) => format!("X'{}'", id.uuid().simple()),
        }
    }

    /// Somebody who writes into the journal.
    pub fn scribe(&self) -> Scribe<'_> {
        let embedded = self.options.url.is_embedded();
        let begin = if embedded { "BEGIN IMMEDIATE" } else { "BEGIN" };
        Scribe::new(embedded, move |statements| self.batch(&format!("{begin}; {statements}; COMMIT;")))
    }

    /// A transaction on a separate connection. On SQLite it holds the write lock from the start.
    pub fn transaction(&self) -> Transaction {
        let mut transaction = match &self.options.url {
            DatabaseUrl::Postgres(url) => Transaction::Postgres(PgConnection::establish(url).unwrap()),
            DatabaseUrl::Sqlite(path) => Transaction::Sqlite(beside(path)),
        };
        let begin = if self.options.url.is_embedded() { "BEGIN IMMEDIATE" } else { "BEGIN" };
        transaction.run(begin);
        transaction
    }

    /// A transaction that locks a chat, like every change of it.
    pub fn holding(&self, chat: ChatId) -> Transaction {
        let mut transaction = self.transaction();
        if !self.options.url.is_embedded() {
            transaction.run(&format!("SELECT 1 FROM chats WHERE id = '{chat}' FOR UPDATE"));
        }
        transaction
    }

    /// Waits until somebody waits for a lock; on SQLite this cannot be observed.
    pub async fn until_somebody_waits(&self) {
        if self.options.url.is_embedded() {
            return;
        }
        let waiting = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while self.number(waiting) == 0 {
            tick.tick().await;
        }
    }

    /// The number that a query returns, bypassing the store.
    pub fn number(&self, query: &str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Number {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        let query = sql_query(format!("WITH asked (number) AS ({query}) SELECT number FROM asked"));
        let number: Number = match &self.options.url {
            DatabaseUrl::Postgres(url) => query.get_result(&mut PgConnection::establish(url).unwrap()).unwrap(),
            DatabaseUrl::Sqlite(path) => query.get_result(&mut beside(path)).unwrap(),
        };
        number.number
    }
}

/// A transaction of another client; rolled back when it is dropped.
pub enum Transaction {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Transaction {
    pub fn run(&mut self, statement: &str) {
        match self {
            Self::Postgres(conn) => sql_query(statement).execute(conn).unwrap(),
            Self::Sqlite(conn) => sql_query(statement).execute(conn).unwrap(),
        };
    }

    pub fn commit(mut self) {
        self.run("COMMIT");
    }
}
