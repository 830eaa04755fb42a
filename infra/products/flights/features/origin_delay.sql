-- kind: feature
-- inputs: flights, watermark
-- entity: origin
-- event_time: known_at
-- max_age: 2h
-- window: flights 0h..27h
-- test: origin_departed_late BETWEEN 0 AND 1
-- online: true
--
-- Departures of the last two hours by origin, on a ten-minute grid. A departure counts strictly after max(scheduled, actual):
-- six flights in ten leave early, and counted at the actual instant they would enter their own features (see README.md).
-- The window: at most an hour to the schedule, a day of delay, two hours of being counted; who left later still is no departure
-- of this day. No row lies beyond the newest hour of flights, so the newest online row is not from after the data.
WITH departed AS (
    SELECT
        origin,
        dep_delay,
        CAST(epoch(time_hour) AS BIGINT) + 60 * (minute + greatest(dep_delay, 0))          AS left_at
    FROM flights
    WHERE dep_delay <= 1440
), seen AS (
    SELECT origin, dep_delay, (left_at // 600 + 1 + unnest(range(0, 12))) * 600 AS slot
    FROM departed
)
SELECT
    origin,
    make_timestamp(slot * 1000000)                  AS known_at,
    count(*)                                        AS origin_departures,
    avg(dep_delay)                                  AS origin_departed_delay,
    avg(CAST(dep_delay > 15 AS INTEGER))            AS origin_departed_late
FROM seen
WHERE slot <= (SELECT CAST(epoch(reached) AS BIGINT) + 3540 FROM watermark)
GROUP BY origin, slot
