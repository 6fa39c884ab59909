//! A database seen from outside, over a connection of its own: statements as text, and a dump of everything in it.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

/// An open connection to either database.
pub enum Raw {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Every row of every table, as text: bytes in hex, JSON and times as the database writes them.
pub type Dump = BTreeMap<String, Vec<String>>;

impl Raw {
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite") {
            Self::Sqlite(SqliteConnection::connect(url).await.unwrap())
        } else {
            Self::Postgres(PgConnection::connect(url).await.unwrap())
        }
    }

    /// Runs a statement; how many rows it touched.
    pub async fn run(&mut self, sql: &str) -> u64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(db) => db.execute(sql).await.unwrap().rows_affected(),
            Self::Sqlite(db) => db.execute(sql).await.unwrap().rows_affected(),
        }
    }

    /// The rows of a query with one column of text.
    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(db) => sqlx::query_scalar(sql).fetch_all(db).await.unwrap(),
            Self::Sqlite(db) => sqlx::query_scalar(sql).fetch_all(db).await.unwrap(),
        }
    }

    /// The type of a column of bytes.
    pub fn bytes(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "bytea",
            Self::Sqlite(_) => "blob",
        }
    }

    /// How many rows of a table a condition picks.
    pub async fn count(&mut self, table: &str, condition: &str) -> i64 {
        let sql = format!("SELECT CAST(count(*) AS text) FROM {table} WHERE {condition}");
        self.texts(&sql).await[0].parse().unwrap()
    }

    /// The schema's tables.
    pub async fn tables(&mut self) -> Vec<String> {
        let sql = match self {
            Self::Postgres(_) => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
            Self::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1",
        };
        let mut tables = self.texts(sql).await;
        tables.retain(|name| !name.starts_with("_sqlx") && !name.starts_with("sqlite_"));
        tables
    }

    /// Everything.
    pub async fn dump(&mut self) -> Dump {
        let mut dump = Dump::new();
        for table in self.tables().await {
            let sql = match self {
                Self::Postgres(_) => format!(r#"SELECT to_jsonb(t)::text FROM "{table}" t ORDER BY 1"#),
                Self::Sqlite(_) => {
                    let columns = self.texts(&format!("SELECT name FROM pragma_table_info('{table}')")).await;
                    let quoted: Vec<_> = columns.iter().map(|name| format!("'{name}=' || quote({name})")).collect();
                    format!("SELECT {} FROM {table} ORDER BY 1", quoted.join(" || ' ' || "))
                }
            };
            let rows = self.texts(&sql).await;
            dump.insert(table, rows);
        }
        dump
    }
}

/// The tables in which two dumps differ.
pub fn differences(before: &Dump, after: &Dump) -> Vec<String> {
    let tables = before.keys().chain(after.keys()).filter(|table| before.get(*table) != after.get(*table));
    tables.cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}
