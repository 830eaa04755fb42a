-- kind: spine
-- inputs: flights
-- entity: flight_id
-- event_time: scheduled_at
-- window: flights 0m..59m
-- online: false
--
-- One row a flight that has an arrival outcome. Cancelled flights (no departure) and diverted ones (no arrival at the
-- destination) have no arrival delay: they carry no label, are left out here, and are still seen as "not departed" by the
-- trailing views. scheduled_at is UTC (TIMESTAMP): time_hour is the UTC hour of the scheduled local departure.
-- dep_time, dep_delay, arr_time and air_time of the flight itself are not known at scheduled departure and do not appear.
SELECT
    carrier || '-' || flight || '-' || origin || '-' || strftime(time_hour + to_minutes(minute), '%Y%m%dT%H%MZ') AS flight_id,
    time_hour + to_minutes(minute)     AS scheduled_at,
    make_date(year, month, day)        AS flight_date,
    sched_dep_time,
    sched_arr_time,
    carrier,
    tailnum,
    origin,
    dest,
    distance,
    CAST(arr_delay > 15 AS INTEGER)    AS late
FROM flights
WHERE arr_delay IS NOT NULL
