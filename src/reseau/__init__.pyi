"""The names of `__init__.py` for type checkers, which cannot follow a lazy import; a test keeps the two equal."""

from reseau import batches as batches
from reseau import constraints as constraints
from reseau import data as data
from reseau import errors as errors
from reseau import estimators as estimators
from reseau import initializers as initializers
from reseau import logs as logs
from reseau import losses as losses
from reseau import onnx as onnx
from reseau import ops as ops
from reseau import optimizers as optimizers
from reseau import penalties as penalties
from reseau import theory as theory
from reseau.cache import use_compile_cache as use_compile_cache
from reseau.estimators import NetworkClassifier as NetworkClassifier, NetworkRegressor as NetworkRegressor
from reseau.estimators import fit_many as fit_many
from reseau.graph import constant as constant, input as input, parameter as parameter, state as state
from reseau.layers import abs as abs
from reseau.layers import affine as affine
from reseau.layers import apply as apply
from reseau.layers import average_pool as average_pool
from reseau.layers import batch_norm as batch_norm
from reseau.layers import clip as clip
from reseau.layers import concatenate as concatenate
from reseau.layers import conv as conv
from reseau.layers import conv_transpose as conv_transpose
from reseau.layers import dropout as dropout
from reseau.layers import embedding as embedding
from reseau.layers import exp as exp
from reseau.layers import flatten as flatten
from reseau.layers import gelu as gelu
from reseau.layers import global_average_pool as global_average_pool
from reseau.layers import layer_norm as layer_norm
from reseau.layers import leaky_relu as leaky_relu
from reseau.layers import log as log
from reseau.layers import log_softmax as log_softmax
from reseau.layers import log_sum_exp as log_sum_exp
from reseau.layers import max as max
from reseau.layers import max_pool as max_pool
from reseau.layers import maximum as maximum
from reseau.layers import mean as mean
from reseau.layers import minimum as minimum
from reseau.layers import proxy as proxy
from reseau.layers import relu as relu
from reseau.layers import reshape as reshape
from reseau.layers import round as round
from reseau.layers import sigmoid as sigmoid
from reseau.layers import sign as sign
from reseau.layers import slice as slice
from reseau.layers import softmax as softmax
from reseau.layers import softplus as softplus
from reseau.layers import sqrt as sqrt
from reseau.layers import square as square
from reseau.layers import step as step
from reseau.layers import sum as sum
from reseau.layers import tanh as tanh
from reseau.layers import transpose as transpose
from reseau.network import Network as Network, load as load, load_recipe as load_recipe
from reseau.objective import Objective as Objective
from reseau.training import FitResult as FitResult, Record as Record, fit as fit, train as train

__version__: str
