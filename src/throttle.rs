//! Budgets charged before a check.
