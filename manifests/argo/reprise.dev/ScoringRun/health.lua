-- The health of a run for Argo CD. A run that works is Progressing: annotate it with
-- argocd.argoproj.io/ignore-healthcheck: "true" if a sync must not wait for it.
local health = { status = "Progressing", message = "not seen by the operator yet" }
local status = obj.status
if status == nil or status.phase == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end
health.message = status.phase
if status.blocking ~= nil then
  health.message = status.phase .. ", blocked by " .. status.blocking.reason
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" then
    if condition.type == "Stalled" then
      return { status = "Degraded", message = condition.reason .. ": " .. condition.message }
    elseif condition.type == "Succeeded" then
      return { status = "Healthy", message = condition.reason .. ": " .. condition.message }
    elseif condition.type == "Suspended" then
      return { status = "Suspended", message = condition.reason .. ": " .. condition.message }
    end
  end
end
return health
