# What the library exports is rwkv_* and nothing else. What it needs is never nothing: then the tool that was asked for it
# has shown nothing.
function(check_exported exported needed)
    list(LENGTH exported count)
    if(count EQUAL 0 OR NOT needed)
        message(FATAL_ERROR "nothing is exported or needed by ${LIBRARY}")
    endif()
    list(FILTER exported EXCLUDE REGEX "^rwkv_")
    if(exported)
        message(FATAL_ERROR "exported, but not rwkv_*: ${exported}")
    endif()
    message(STATUS "${count} exported symbols, all rwkv_*")
endfunction()
