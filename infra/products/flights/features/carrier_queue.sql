-- kind: feature
-- inputs: flights
-- entity: origin, carrier
-- event_time: known_at
-- max_age: 2h
-- online: true
--
-- Flights due in the last two hours by origin and carrier, on a quarter-hour grid.
-- Every scheduled flight is seen, also one that is cancelled later: until it leaves it is "waiting", and its delay so far is the
-- time since its schedule. A flight counts strictly after its own scheduled departure, so never in its own features.
WITH scheduled AS (
    SELECT
        origin, carrier,
        dep_delay,
        CAST(epoch(time_hour) AS BIGINT) + 60 * minute                                     AS due_at,
        max(CAST(epoch(time_hour) AS BIGINT) + 60 * minute) OVER (PARTITION BY origin, carrier)     AS last_at
    FROM flights
), seen AS (
    SELECT origin, carrier, dep_delay, due_at, last_at, (due_at // 900 + 1 + unnest(range(0, 8))) * 900 AS slot
    FROM scheduled
), state AS (
    SELECT
        origin, carrier,
        slot,
        coalesce(due_at + 60 * dep_delay <= slot, false)                                   AS has_left,
        CASE WHEN due_at + 60 * dep_delay <= slot THEN dep_delay ELSE (slot - due_at) / 60 END AS delay_so_far
    FROM seen
    WHERE slot <= last_at
)
SELECT
    origin, carrier,
    make_timestamp(slot * 1000000)                  AS known_at,
    count(*)                                        AS carrier_due,
    count(*) FILTER (WHERE NOT has_left)            AS carrier_waiting,
    avg(delay_so_far)                               AS carrier_delay,
    avg(CAST(delay_so_far > 15 AS INTEGER))         AS carrier_late,
    avg(delay_so_far) FILTER (WHERE has_left)       AS carrier_left_delay
FROM state
GROUP BY origin, carrier, slot
