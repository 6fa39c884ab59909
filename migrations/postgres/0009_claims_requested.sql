-- Claims that a request asked for by name (OpenID Connect Core 5.5). With the code, whose row stays as long as its family's: what
-- userinfo and ID token tell beyond the scopes. With the grant: which of them the user allowed, space-delimited.

ALTER TABLE code ADD COLUMN claims jsonb;
ALTER TABLE grants ADD COLUMN claims text;
