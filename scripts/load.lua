-- For wrk: one POST again and again. The body's file and that of the bearer token are named in the environment,
-- so that no token stands in a command line.
local function content(path)
    local file = assert(io.open(path, "r"))
    local text = file:read("*a")
    file:close()
    return text
end

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. content(os.getenv("LOAD_TOKEN_FILE"))
wrk.body = content(os.getenv("LOAD_BODY_FILE"))

function done(summary, latency)
    local refused = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
    print(string.format("RESULT %d %d %d %d", summary.requests, summary.duration, refused, latency:percentile(99)))
end
