-- kind: feature
-- inputs: flights, watermark
-- entity: origin, carrier
-- event_time: known_at
-- max_age: 2h
-- window: flights 0h..3h
-- test: carrier_late BETWEEN 0 AND 1
-- test: carrier_waiting <= carrier_due
-- online: true
--
-- Flights due in the last two hours by origin and carrier, on a quarter-hour grid.
-- Every scheduled flight is seen, also one that is cancelled later: until it leaves it is "waiting", and its delay so far is the
-- time since its schedule. A flight counts strictly after its own scheduled departure, so never in its own features.
-- Delays are whole seconds until they are averages: sums of them do not depend on the order they are taken in.
WITH scheduled AS (
    SELECT origin, carrier, dep_delay, CAST(epoch(time_hour) AS BIGINT) + 60 * minute AS due_at
    FROM flights
), seen AS (
    SELECT origin, carrier, dep_delay, due_at, (due_at // 900 + 1 + unnest(range(0, 8))) * 900 AS slot
    FROM scheduled
), state AS (
    SELECT
        origin, carrier,
        slot,
        coalesce(due_at + 60 * dep_delay <= slot, false)                                        AS has_left,
        CASE WHEN due_at + 60 * dep_delay <= slot THEN 60 * dep_delay ELSE slot - due_at END    AS delayed
    FROM seen
    WHERE slot <= (SELECT CAST(epoch(reached) AS BIGINT) + 3540 FROM watermark)
)
SELECT
    origin, carrier,
    make_timestamp(slot * 1000000)                  AS known_at,
    count(*)                                        AS carrier_due,
    count(*) FILTER (WHERE NOT has_left)            AS carrier_waiting,
    avg(delayed) / 60                               AS carrier_delay,
    avg(CAST(delayed > 900 AS INTEGER))             AS carrier_late,
    avg(delayed) FILTER (WHERE has_left) / 60       AS carrier_left_delay
FROM state
GROUP BY origin, carrier, slot
