--- Names: the addresses of a host, and the order to try them in.

local core = require("asyncio.core").api

local names = {}

--- Returns the addresses of a host: the host itself if it is numeric, else the
-- result of a look-up.
function names.resolve(host, port, family, passive)
  local numeric = host and core.isaddress(host)
  if numeric then
    if family and family ~= numeric then
      error(core.OSError(("no %s address (%s)"):format(family, host),
        { code = "EAI_FAMILY", syscall = "getaddrinfo", address = host }), 0)
    end
    return { { host = host, port = port, family = numeric } }
  end
  local found = core.getaddrinfo(host, nil, family or "any", passive)
  local list, seen = {}, {}
  for _, address in ipairs(found) do
    if not seen[address.host] then
      seen[address.host] = true
      list[#list + 1] = { host = address.host, port = port, family = address.family }
    end
  end
  return list
end

--- Alternates address families, after `first` addresses of the first one.
function names.interleave(list, first)
  local by_family, order = {}, {}
  for _, address in ipairs(list) do
    if not by_family[address.family] then
      by_family[address.family] = {}
      order[#order + 1] = address.family
    end
    table.insert(by_family[address.family], address)
  end
  local result = {}
  for _ = 2, first do
    result[#result + 1] = table.remove(by_family[order[1]], 1)
  end
  while #result < #list do
    for _, family in ipairs(order) do
      result[#result + 1] = table.remove(by_family[family], 1)
    end
  end
  return result
end

return names
