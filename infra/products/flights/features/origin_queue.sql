-- kind: feature
-- inputs: flights, watermark
-- entity: origin
-- event_time: known_at
-- max_age: 2h
-- window: flights 0h..3h
-- test: queue_late BETWEEN 0 AND 1
-- test: queue_waiting <= queue_due
-- online: true
--
-- Flights due in the last two hours by origin, on a ten-minute grid: how the airport runs right now.
-- Every scheduled flight is seen, also one that is cancelled later: until it leaves it is "waiting", and its delay so far is the
-- time since its schedule. A flight counts strictly after its own scheduled departure, so never in its own features.
-- Delays are whole seconds until they are averages: sums of them do not depend on the order they are taken in.
WITH scheduled AS (
    SELECT origin, dep_delay, CAST(epoch(time_hour) AS BIGINT) + 60 * minute AS due_at
    FROM flights
), seen AS (
    SELECT origin, dep_delay, due_at, (due_at // 600 + 1 + unnest(range(0, 12))) * 600 AS slot
    FROM scheduled
), state AS (
    SELECT
        origin,
        slot,
        coalesce(due_at + 60 * dep_delay <= slot, false)                                        AS has_left,
        CASE WHEN due_at + 60 * dep_delay <= slot THEN 60 * dep_delay ELSE slot - due_at END    AS delayed
    FROM seen
    WHERE slot <= (SELECT CAST(epoch(reached) AS BIGINT) + 3540 FROM watermark)
)
SELECT
    origin,
    make_timestamp(slot * 1000000)                  AS known_at,
    count(*)                                        AS queue_due,
    count(*) FILTER (WHERE NOT has_left)            AS queue_waiting,
    avg(delayed) / 60                               AS queue_delay,
    avg(CAST(delayed > 900 AS INTEGER))             AS queue_late,
    avg(delayed) FILTER (WHERE has_left) / 60       AS queue_left_delay
FROM state
GROUP BY origin, slot
