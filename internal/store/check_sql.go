package store

// The statements of the hot path. Each costs a few index probes per question.

// checkPostgresSQL is the hot path on PostgreSQL: authenticate, look up, judge and bill a whole batch in one statement, hence in one
// snapshot, one round trip and one commit. What holds of a question alone is judged where its token is found; what holds of a caller and the
// machine of a token, and what is billed, once for each such pair. So there are two kinds of rows in the answer: pairs, with the
// questions that are good, and what was found for each question, good or not.
//
// Indexes: machine_secrets (primary key), tokens (tokens_by_hash; primary key for JWTs), machines, machine_scopes, signing_keys, writers, usage
// (primary keys). Every table is reached through LATERAL ... LIMIT or a query fenced by OFFSET 0: that leaves the planner nothing but
// one index probe per question or pair, whatever its statistics say. generate_series makes it expect many questions, and so group by hashing.
// checkOpaqueSQL is the same for a batch without JWTs, which need not look for any.
//
// Guarantees. A statement that begins after a revoke, a deletion, a rotation or a removed scope was committed sees it. Only what is
// answered as good is billed, once per time it was asked, in this commit; a writer whose epoch was raised bills and confirms nothing
// (no row of mine, hence no row of usage). Nothing here waits for a check of another replica: the rows of writers and usage belong to
// this writer, and those of tokens are skipped when locked, so checks cannot deadlock with each other. (SKIP LOCKED does wait for a row that
// two others changed at that moment, one after the other. So a change of many tokens at once can deadlock with a check: PostgreSQL undoes one
// of the two, and the change is tried again, or the batch is told "not now" and is not billed.) last_used_at moves at most once a minute:
// the condition stands again inside the lock, where it sees what another replica has just committed.
const checkPostgresSQL = checkCallersSQL + hotColumns + signedColumns + checkAskedSQL + signedAskedSQL +
	checkFoundSQL + hotColumns + signedColumns + byHashSQL + `
            UNION ALL
            (SELECT ` + hotColumns + signedColumns + byIDSQL +
	checkJudgedSQL + `format` + checkPairedSQL + `, format` + checkBilledSQL + `NULL, NULL, ` + checkAnsweredSQL + hotColumns + signedColumns + ` FROM found t`

const checkOpaqueSQL = checkCallersSQL + hotColumns + checkAskedSQL + opaqueAskedSQL +
	checkFoundSQL + hotColumns + byHashSQL +
	checkJudgedSQL + `'opaque'::text AS format` + checkPairedSQL + checkBilledSQL + checkAnsweredSQL + hotColumns + ` FROM found t`

// hotColumns are the columns of a token that a verdict needs, and signedColumns those that of an opaque one are known; the sealed form of a
// reusable token is not among them.
const (
	hotColumns    = `t.id, t.machine_id, t.scopes, t.claims, t.issued_at, t.expires_at, t.created_at, t.updated_at, t.last_used_at`
	signedColumns = `, t.format, t.key_id`
)

// byHashSQL and byIDSQL find the token of a question: by its hash, or by its id and the key that signed it. The fence keeps what a token is
// judged by from making an index of the living ones a way to it.
const (
	byHashSQL = `, t.revoked_at FROM tokens t
            WHERE t.hash = q.hash OFFSET 0)`
	byIDSQL = `, t.revoked_at FROM tokens t
            WHERE t.id = q.id AND t.key_id = q.kid AND EXISTS (
                SELECT 1 FROM signing_keys k WHERE k.kid = t.key_id AND k.state IN ('active', 'retiring') OFFSET 0) OFFSET 0)`
)

const checkCallersSQL = `
WITH clock AS MATERIALIZED (
    SELECT ` + postgresNow + ` AS now
), caller AS MATERIALIZED (
    SELECT c.n, i.operator, s.machine_id
    FROM unnest($1::bytea[]) WITH ORDINALITY AS c (hash, n)
    CROSS JOIN clock
    LEFT JOIN LATERAL (
        SELECT true AS operator FROM instance WHERE singleton = 1 AND key_hash = c.hash LIMIT 1
    ) i ON true
    LEFT JOIN LATERAL (
        SELECT s.machine_id FROM machine_secrets s
        WHERE s.hash = c.hash AND (s.expires_at IS NULL OR s.expires_at > clock.now)
          AND EXISTS (SELECT 1 FROM machines m WHERE m.id = s.machine_id AND m.deleted_at IS NULL OFFSET 0)
        LIMIT 1
    ) s ON true
), found AS MATERIALIZED (
    SELECT q.n, q.times, coalesce(c.machine_id, '') AS receiver, `

// checkAskedSQL begins the row of a question, which is found by its place in what is packed; behind it may stand what else is known of each
// question. Thirty-two zeros are the zero hash and become NULL, which equals nothing.
const (
	checkAskedSQL = `
    FROM (SELECT i::bigint AS n, ($2::int[])[i] AS caller, ($4::int[])[i] AS times,
                 nullif(substring($3::bytea FROM i * 32 - 31 FOR 32), decode(repeat('00', 32), 'hex')) AS hash`
	opaqueAskedSQL = `
          FROM generate_series(1, cardinality($2::int[])) AS i) AS q`
	signedAskedSQL = `, id, kid
          FROM ROWS FROM (generate_series(1, cardinality($2::int[])), unnest($9::text[]), unnest($10::text[])) AS o (i, id, kid)) AS q`
)

const checkFoundSQL = `
    CROSS JOIN clock
    JOIN caller c ON c.n = q.caller AND (c.operator OR c.machine_id IS NOT NULL)
    LEFT JOIN LATERAL (
        SELECT t.* FROM (
            (SELECT `

const checkJudgedSQL = `
        ) t
        WHERE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock.now)
          AND (c.operator OR strpos(t.scopes, c.machine_id) > 0)
    ) t ON true
), pair AS MATERIALIZED (
    SELECT p.*, clock.now FROM (
        SELECT array_agg(n) AS good, sum(times) AS times,
               array_agg(id) FILTER (WHERE last_used_at IS NULL OR last_used_at <= (SELECT now FROM clock) - 60000) AS due,
               receiver, machine_id, `

const checkPairedSQL = `
        FROM found WHERE id IS NOT NULL GROUP BY receiver, machine_id`

const checkBilledSQL = `
    ) p CROSS JOIN clock
    WHERE EXISTS (SELECT 1 FROM machines m WHERE m.id = p.machine_id AND m.deleted_at IS NULL OFFSET 0)
      AND (p.receiver = '' OR CASE $5::text
           WHEN 'snapshot' THEN true
           WHEN 'live' THEN EXISTS (
               SELECT 1 FROM machine_scopes s WHERE s.from_id = p.machine_id AND s.to_id = p.receiver OFFSET 0)
           ELSE false END)
), mine AS (
    UPDATE writers SET seq = $8 WHERE id = $6 AND epoch = $7 AND EXISTS (SELECT 1 FROM pair)
    RETURNING id
), billed AS (
    INSERT INTO usage AS u (hour, machine_id, receiver_id, operation, format, writer, count)
    SELECT p.now - p.now % 3600000, p.machine_id, p.receiver, 'verify', p.format, mine.id, p.times
    FROM pair p CROSS JOIN mine ORDER BY p.machine_id, p.receiver, p.format
    ON CONFLICT (hour, machine_id, receiver_id, operation, format, writer) DO UPDATE SET count = u.count + excluded.count
), due AS MATERIALIZED (
    SELECT DISTINCT unnest(p.due) AS id, p.now FROM pair p CROSS JOIN mine WHERE p.due IS NOT NULL
), held AS MATERIALIZED (
    SELECT t.id, d.now FROM due d CROSS JOIN LATERAL (
        SELECT t.id FROM tokens t
        WHERE t.id = d.id AND (t.last_used_at IS NULL OR t.last_used_at <= d.now - 60000)
        FOR NO KEY UPDATE SKIP LOCKED
    ) t
), used AS (
    UPDATE tokens t SET last_used_at = h.now, updated_at = h.now FROM held h WHERE t.id = h.id
)
SELECT p.good, mine.id IS NOT NULL, p.now, NULL::bigint, `

const checkAnsweredSQL = `NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM pair p LEFT JOIN mine ON true
UNION ALL
SELECT NULL, NULL, NULL, t.n, `

// checkSQLiteSQL authenticates, looks up and judges a whole batch. The same judgement stands in checkPostgresSQL.
//
// Indexes: machine_secrets, tokens (hash; primary key for JWTs), machines, machine_scopes, signing_keys, one probe per question: a token
// is reached by the rowid that a scalar query found, which leaves the planner no other way.
//
// Guarantees. It runs in an IMMEDIATE transaction: no one writes between it and the commit of what it bills.
const checkSQLiteSQL = `
WITH clock (now) AS MATERIALIZED (
    SELECT ` + sqliteNow + `
), caller (n, operator, machine_id) AS MATERIALIZED (
    SELECT c.key,
           EXISTS (SELECT 1 FROM instance WHERE singleton = 1 AND key_hash = unhex(c.value)),
           (SELECT s.machine_id FROM machine_secrets s
            WHERE s.hash = unhex(c.value) AND (s.expires_at IS NULL OR s.expires_at > clock.now)
              AND EXISTS (SELECT 1 FROM machines m WHERE m.id = s.machine_id AND m.deleted_at IS NULL))
    FROM json_each(?1) c CROSS JOIN clock
)
SELECT q.key, coalesce(c.machine_id, ''), clock.now,
       t.id, t.format, t.machine_id, t.scopes, t.claims, t.key_id, t.issued_at, t.expires_at, t.created_at, t.updated_at, t.last_used_at
FROM json_each(?2) q CROSS JOIN clock
CROSS JOIN caller c ON c.n = q.value ->> 0 AND (c.operator OR c.machine_id IS NOT NULL)
LEFT JOIN tokens t ON t.rowid = CASE WHEN q.value ->> 1 IS NOT NULL
        THEN (SELECT o.rowid FROM tokens o WHERE o.hash = unhex(q.value ->> 1))
        ELSE (SELECT j.rowid FROM tokens j WHERE j.id = q.value ->> 2 AND j.key_id = q.value ->> 3 AND EXISTS (
                SELECT 1 FROM signing_keys k WHERE k.kid = j.key_id AND k.state IN ('active', 'retiring')))
        END
    AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock.now)
    AND EXISTS (SELECT 1 FROM machines m WHERE m.id = t.machine_id AND m.deleted_at IS NULL)
    AND (c.operator OR instr(t.scopes, c.machine_id) > 0 AND CASE ?3
         WHEN 'snapshot' THEN true
         WHEN 'live' THEN EXISTS (SELECT 1 FROM machine_scopes s WHERE s.from_id = t.machine_id AND s.to_id = c.machine_id)
         ELSE false END)`

// touchSQLiteSQL moves last_used_at of tokens by their primary keys. Only those that are due are named.
const touchSQLiteSQL = `
UPDATE tokens SET last_used_at = ?1, updated_at = ?1 WHERE id IN (SELECT value FROM json_each(?2))`
